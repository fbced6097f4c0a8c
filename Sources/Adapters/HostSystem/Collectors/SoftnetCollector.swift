import Runtime
import Telemetry

/// `/proc/net/softnet_stat`: packets that each processor took from the network, dropped, or had no time for.
struct SoftnetCollector: HostCollector {
    let name = "softnet"
    let exclusion: Exclusion
    private static let path = "/proc/net/softnet_stat"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        for (row, line) in lines(content).enumerated() {
            var columns: [UInt64] = []
            for part in Fields(line) {
                guard let value = hexadecimalCounter(part) else { break }
                columns.append(value)
            }
            guard columns.count >= 3 else {
                collected.problems.append("\(Self.path): expected hexadecimal numbers, got \(quoted(line))")
                continue
            }
            // Kernels since 5.10 say which processor the line is for; before, all lines are there or the row is it.
            let processor: UInt64 = columns.count > 12 ? columns[12] : UInt64(row)
            let key: Bytes = Array("\(processor)".utf8)[...]
            collected.add("node_softnet_processed_total", "cpu", key, Double(columns[0]))
            collected.add("node_softnet_dropped_total", "cpu", key, Double(columns[1]))
            collected.add("node_softnet_times_squeezed_total", "cpu", key, Double(columns[2]))
        }
    }
}
