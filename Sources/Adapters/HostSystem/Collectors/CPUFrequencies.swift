import Runtime
import Telemetry

/// How fast each processor runs, and how often heat made it slower: files of `/sys`, which virtual machines lack.
struct CPUFrequencies: Sendable {
    private let files: any HostFiles
    /// For which processors `sources` was made.
    private var processors: [UInt32] = []
    private var sources: [Source] = []

    /// A file with one number, and what it becomes.
    private struct Source: Sendable {
        var path: String
        var name: StaticString
        var key: [UInt8]
        var labels: Labels
        var factor: Double
    }

    private static let folder = "/sys/devices/system/cpu"
    /// Kilohertz each.
    private static let frequencies: [(file: String, metric: StaticString)] = [
        ("cpuinfo_cur_freq", "node_cpu_frequency_hertz"), ("cpuinfo_min_freq", "node_cpu_frequency_min_hertz"),
        ("cpuinfo_max_freq", "node_cpu_frequency_max_hertz"),
        ("scaling_cur_freq", "node_cpu_scaling_frequency_hertz"),
        ("scaling_min_freq", "node_cpu_scaling_frequency_min_hertz"),
        ("scaling_max_freq", "node_cpu_scaling_frequency_max_hertz"),
    ]

    init(files: any HostFiles) { self.files = files }

    mutating func collect(of present: [UInt32], into collected: inout Collected) {
        if present != processors {
            processors = present
            findSources()
        }
        for source in sources {
            // A processor may go between two looks; then its files are gone, and next time they are not asked for.
            guard let content = try? files.read(source.path), let value = decimal(content[...].trimmed) else {
                continue
            }
            collected.add(source.name, key: source.key[...], value * source.factor) {
                Series("\(source.name)", source.labels)
            }
        }
    }

    /// Which of the files this host has; looked for again when a processor comes or goes.
    private mutating func findSources() {
        sources = []
        var seenCores: Set<[UInt8]> = []
        for processor in processors {
            let folder = "\(Self.folder)/cpu\(processor)"
            let cpu: Labels = ["cpu": "\(processor)"]
            for (file, metric) in Self.frequencies {
                add(
                    Source(
                        path: "\(folder)/cpufreq/\(file)", name: metric, key: Array("\(processor)".utf8), labels: cpu,
                        factor: 1000))
            }
            guard let package = text("\(folder)/topology/physical_package_id") else { continue }
            // Threads of one core share its counter.
            if let core = text("\(folder)/topology/core_id"),
                seenCores.insert(Array("\(package)/\(core)".utf8)).inserted
            {
                add(
                    Source(
                        path: "\(folder)/thermal_throttle/core_throttle_count", name: "node_cpu_core_throttles_total",
                        key: Array("\(package)/\(core)".utf8), labels: ["package": package, "core": core], factor: 1))
            }
            if seenCores.insert(Array(package.utf8)).inserted {
                add(
                    Source(
                        path: "\(folder)/thermal_throttle/package_throttle_count",
                        name: "node_cpu_package_throttles_total",
                        key: Array(package.utf8), labels: ["package": package], factor: 1))
            }
        }
    }

    private mutating func add(_ source: Source) {
        if (try? files.read(source.path)) != nil { sources.append(source) }
    }

    private func text(_ path: String) -> String? {
        (try? files.read(path)).map { label($0[...].trimmed) }
    }
}
