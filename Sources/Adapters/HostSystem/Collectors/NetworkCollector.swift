import Runtime
import Telemetry

/// `/proc/net/dev`: what each interface has moved since it came up.
struct NetworkCollector: HostCollector {
    let name = "netdev"
    private static let path = "/proc/net/dev"
    private let files: any HostFiles
    private let exclusion: Exclusion

    private static let columns: [String] = [
        "receive_bytes", "receive_packets", "receive_errs", "receive_drop", "receive_fifo", "receive_frame",
        "receive_compressed", "receive_multicast", "transmit_bytes", "transmit_packets", "transmit_errs",
        "transmit_drop", "transmit_fifo", "transmit_colls", "transmit_carrier", "transmit_compressed",
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect() async -> Collected {
        var collected = Collected()
        do throws(FileError) {
            // Two lines of headings come first.
            for line in lines(try files.read(Self.path)).dropFirst(2) { add(line, to: &collected) }
        } catch {
            collected.problems.append(error.description)
        }
        exclusion.apply(to: &collected)
        return collected
    }

    private func add(_ line: Bytes, to collected: inout Collected) {
        // The last colon: an alias such as `eth0:1` has one in its name, and no number has.
        guard let colon = line.lastIndex(of: UInt8(ascii: ":")), let name = fields(line[..<colon]).first else {
            collected.problems.append("\(Self.path): expected \"interface: numbers\", got \(quoted(line))")
            return
        }
        let device: String = label(name)
        guard !exclusion.covers(device) else { return }
        let values: [Bytes] = fields(line[line.index(after: colon)...])
        guard values.count >= Self.columns.count else {
            collected.problems.append("\(Self.path): \(device): expected 16 numbers, got \(values.count)")
            return
        }
        let labels: Labels = ["device": device]
        for (column, bytes) in zip(Self.columns, values) {
            guard let value = counter(bytes) else {
                collected.problems.append("\(Self.path): \(device): \(column): not a number: \(quoted(bytes))")
                continue
            }
            collected.add("node_network_\(column)_total", labels, Double(value))
        }
    }
}
