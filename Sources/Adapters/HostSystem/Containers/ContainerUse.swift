import Runtime
import Telemetry

/// What one control group says of its use, named as cAdvisor names it.
struct ContainerUse {
    let path: String
    let name: String

    private static let processor: [(key: StaticString, metric: StaticString, unit: Double)] = [
        ("usage_usec", "container_cpu_usage_seconds_total", 1e6),
        ("user_usec", "container_cpu_user_seconds_total", 1e6),
        ("system_usec", "container_cpu_system_seconds_total", 1e6),
        ("nr_periods", "container_cpu_cfs_periods_total", 1),
        ("nr_throttled", "container_cpu_cfs_throttled_periods_total", 1),
        ("throttled_usec", "container_cpu_cfs_throttled_seconds_total", 1e6),
    ]
    private static let disk: [(key: StaticString, metric: StaticString)] = [
        ("rbytes=", "container_fs_reads_bytes_total"), ("wbytes=", "container_fs_writes_bytes_total"),
        ("rios=", "container_fs_reads_total"), ("wios=", "container_fs_writes_total"),
    ]

    func collect(_ files: any HostFiles, into collected: inout Collected) {
        let label: Bytes = Array(name.utf8)[...]
        for (metric, value) in processorTimes(files) + memory(files) + disks(files) {
            collected.add(metric, "name", label, value)
        }
    }

    /// A container may end while it is looked at: then its files are gone.
    private func content(_ file: String, _ files: any HostFiles) -> [UInt8]? { try? files.read("\(path)/\(file)") }

    private func number(_ file: String, _ files: any HostFiles) -> Double? {
        content(file, files).flatMap { counter($0[...].trimmed) }.map { Double($0) }
    }

    /// The value behind a key of a file that has a pair on each line.
    private func value(_ key: StaticString, in content: [UInt8]?) -> Double? {
        guard let content else { return nil }
        for line in lines(content) {
            var parts = Fields(line)
            if parts.next()?.equals(key) == true { return parts.nextCounter().map { Double($0) } }
        }
        return nil
    }

    private func processorTimes(_ files: any HostFiles) -> [(StaticString, Double)] {
        let content: [UInt8]? = content("cpu.stat", files)
        return Self.processor.compactMap { key, metric, unit in value(key, in: content).map { (metric, $0 / unit) } }
    }

    private func memory(_ files: any HostFiles) -> [(StaticString, Double)] {
        var found: [(StaticString, Double)] = []
        let statistics: [UInt8]? = content("memory.stat", files)
        if let used = number("memory.current", files) {
            found.append(("container_memory_usage_bytes", used))
            // What cannot be given back at once, as the kernel's killer sees it.
            if let idle = value("inactive_file", in: statistics) {
                found.append(("container_memory_working_set_bytes", max(0, used - idle)))
            }
        }
        if let own = value("anon", in: statistics) { found.append(("container_memory_rss", own)) }
        if let cache = value("file", in: statistics) { found.append(("container_memory_cache", cache)) }
        // "max" is no number: without a limit there is none to tell.
        if let limit = number("memory.max", files) { found.append(("container_spec_memory_limit_bytes", limit)) }
        if let kills = value("oom_kill", in: content("memory.events", files)) {
            found.append(("container_oom_events_total", kills))
        }
        if let threads = number("pids.current", files) { found.append(("container_threads", threads)) }
        return found
    }

    /// A line for each device; told is their sum.
    private func disks(_ files: any HostFiles) -> [(StaticString, Double)] {
        guard let content = content("io.stat", files) else { return [] }
        var sums = [Double](repeating: 0, count: Self.disk.count)
        for line in lines(content) {
            for part in Fields(line) {
                for (place, entry) in Self.disk.enumerated() where part.begins(with: entry.key) {
                    if let value = counter(part.dropFirst(entry.key.utf8CodeUnitCount)) { sums[place] += Double(value) }
                }
            }
        }
        return zip(Self.disk, sums).map { ($0.metric, $1) }
    }
}
