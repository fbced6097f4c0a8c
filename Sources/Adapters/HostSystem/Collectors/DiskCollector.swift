import Telemetry

/// `/proc/diskstats`: what each block device has done since the machine started.
struct DiskCollector: HostCollector {
    let name = "diskstats"
    let exclusion: Exclusion
    private static let path = "/proc/diskstats"
    private let files: any HostFiles
    private var selection: DeviceSelection

    private enum Unit {
        case count
        /// Of 512 bytes, whatever the device has.
        case sectors
        case milliseconds

        func value(_ count: UInt64) -> Double {
            switch self {
            case .count: Double(count)
            case .sectors: Double(count) * 512
            // Divided, not multiplied with 0.001: the quotient is the double nearest to the decimal.
            case .milliseconds: Double(count) / 1000
            }
        }
    }

    /// The columns after the device's name (Documentation/admin-guide/iostats.rst). Kernels before 4.18 end at the
    /// 11th, before 5.5 at the 15th.
    private static let columns: [(name: StaticString, unit: Unit)] = [
        ("node_disk_reads_completed_total", .count), ("node_disk_reads_merged_total", .count),
        ("node_disk_read_bytes_total", .sectors), ("node_disk_read_time_seconds_total", .milliseconds),
        ("node_disk_writes_completed_total", .count), ("node_disk_writes_merged_total", .count),
        ("node_disk_written_bytes_total", .sectors), ("node_disk_write_time_seconds_total", .milliseconds),
        ("node_disk_io_now", .count), ("node_disk_io_time_seconds_total", .milliseconds),
        ("node_disk_io_time_weighted_seconds_total", .milliseconds), ("node_disk_discards_completed_total", .count),
        ("node_disk_discards_merged_total", .count), ("node_disk_discarded_sectors_total", .count),
        ("node_disk_discard_time_seconds_total", .milliseconds), ("node_disk_flush_requests_total", .count),
        ("node_disk_flush_requests_time_seconds_total", .milliseconds),
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
        selection = DeviceSelection { DefaultExclusions.coversDisk($0) || exclusion.covers(label($0)) }
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        selection.begin()
        for line in lines(content) { add(line, to: &collected) }
    }

    private mutating func add(_ line: Bytes, to collected: inout Collected) {
        var parts = Fields(line)
        _ = parts.next()
        _ = parts.next()
        guard let device = parts.next(), parts.reduce(0, { count, _ in count + 1 }) >= 11 else {
            collected.problems.append("\(Self.path): expected at least 14 fields, got \(quoted(line.trimmed))")
            return
        }
        guard !selection.leavesOut(device) else { return }
        for (name, unit) in Self.columns {
            guard let part = parts.next() else { return }
            guard let value = counter(part) else {
                collected.problems.append("\(Self.path): \(label(device)): \(name): not a number: \(quoted(part))")
                continue
            }
            collected.add(name, "device", device, unit.value(value))
        }
    }
}
