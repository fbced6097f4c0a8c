import Telemetry

/// `/proc/pressure`: how long tasks had to wait for processor, memory, disk and interrupts (PSI). A kernel without it
/// has nothing to tell.
struct PressureCollector: HostCollector {
    let name = "pressure"
    let exclusion: Exclusion
    private let files: any HostFiles

    /// What some and what all tasks waited for; nil where the kernel's number means nothing.
    private static let resources: [(path: String, some: StaticString?, full: StaticString?)] = [
        ("/proc/pressure/cpu", "node_pressure_cpu_waiting_seconds_total", nil),
        (
            "/proc/pressure/io", "node_pressure_io_waiting_seconds_total", "node_pressure_io_stalled_seconds_total"
        ),
        (
            "/proc/pressure/memory", "node_pressure_memory_waiting_seconds_total",
            "node_pressure_memory_stalled_seconds_total"
        ),
        ("/proc/pressure/irq", nil, "node_pressure_irq_stalled_seconds_total"),
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        for (path, some, full) in Self.resources {
            guard let content = contentIfPresent(path, files, &collected) else { continue }
            for line in lines(content) {
                let name: StaticString? = line.begins(with: "some ") ? some : line.begins(with: "full ") ? full : nil
                guard let name else { continue }
                guard let total = Fields(line).first(where: { $0.begins(with: "total=") }),
                    let microseconds = counter(total.dropFirst(6))
                else {
                    collected.problems.append("\(path): no total in \(quoted(line))")
                    continue
                }
                collected.add(name, Double(microseconds) / 1e6)
            }
        }
    }
}
