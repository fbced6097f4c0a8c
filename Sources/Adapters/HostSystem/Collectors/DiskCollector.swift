import Runtime
import Telemetry

/// `/proc/diskstats`: what each block device has done since the machine started.
struct DiskCollector: HostCollector {
    let name = "diskstats"
    private static let path = "/proc/diskstats"
    private let files: any HostFiles
    private let exclusion: Exclusion

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
    private static let columns: [(name: String, unit: Unit)] = [
        ("reads_completed_total", .count), ("reads_merged_total", .count), ("read_bytes_total", .sectors),
        ("read_time_seconds_total", .milliseconds), ("writes_completed_total", .count),
        ("writes_merged_total", .count), ("written_bytes_total", .sectors),
        ("write_time_seconds_total", .milliseconds), ("io_now", .count), ("io_time_seconds_total", .milliseconds),
        ("io_time_weighted_seconds_total", .milliseconds), ("discards_completed_total", .count),
        ("discards_merged_total", .count), ("discarded_sectors_total", .count),
        ("discard_time_seconds_total", .milliseconds), ("flush_requests_total", .count),
        ("flush_requests_time_seconds_total", .milliseconds),
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect() async -> Collected {
        var collected = Collected()
        do throws(FileError) {
            for line in lines(try files.read(Self.path)) { add(line, to: &collected) }
        } catch {
            collected.problems.append(error.description)
        }
        exclusion.apply(to: &collected)
        return collected
    }

    private func add(_ line: Bytes, to collected: inout Collected) {
        let parts: [Bytes] = fields(line)
        guard parts.count >= 3 + 11 else {
            collected.problems.append("\(Self.path): expected at least 14 fields, got \(quoted(line))")
            return
        }
        let device: String = label(parts[2])
        guard !DefaultExclusions.coversDisk(parts[2]), !exclusion.covers(device) else { return }
        let labels: Labels = ["device": device]
        for (column, bytes) in zip(Self.columns, parts[3...]) {
            guard let value = counter(bytes) else {
                collected.problems.append("\(Self.path): \(device): \(column.name): not a number: \(quoted(bytes))")
                continue
            }
            collected.add("node_disk_\(column.name)", labels, column.unit.value(value))
        }
    }
}
