import Telemetry

/// `/proc/net/dev`: what each interface has moved since it came up.
struct NetworkCollector: HostCollector {
    let name = "netdev"
    let exclusion: Exclusion
    private static let path = "/proc/net/dev"
    private let files: any HostFiles
    private var selection: DeviceSelection

    private static let columns: [StaticString] = [
        "node_network_receive_bytes_total", "node_network_receive_packets_total", "node_network_receive_errs_total",
        "node_network_receive_drop_total", "node_network_receive_fifo_total", "node_network_receive_frame_total",
        "node_network_receive_compressed_total", "node_network_receive_multicast_total",
        "node_network_transmit_bytes_total", "node_network_transmit_packets_total",
        "node_network_transmit_errs_total", "node_network_transmit_drop_total", "node_network_transmit_fifo_total",
        "node_network_transmit_colls_total", "node_network_transmit_carrier_total",
        "node_network_transmit_compressed_total",
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
        selection = DeviceSelection(exclusion)
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        selection.begin()
        // Two lines of headings come first.
        for line in lines(content).dropFirst(2) { add(line, to: &collected) }
    }

    private mutating func add(_ line: Bytes, to collected: inout Collected) {
        // The last colon: an alias such as `eth0:1` has one in its name, and no number has.
        let colon: Int = line.lastIndex(of: UInt8(ascii: ":")) ?? line.startIndex
        var heading = Fields(line[..<colon])
        guard let device = heading.next() else {
            collected.problems.append("\(Self.path): expected \"interface: numbers\", got \(quoted(line))")
            return
        }
        guard !selection.leavesOut(device) else { return }
        var values = Fields(line[line.index(after: colon)...])
        let count: Int = values.reduce(0) { count, _ in count + 1 }
        guard count >= Self.columns.count else {
            collected.problems.append("\(Self.path): \(label(device)): expected 16 numbers, got \(count)")
            return
        }
        for name in Self.columns {
            guard let part = values.next() else { return }
            guard let value = counter(part) else {
                collected.problems.append("\(Self.path): \(label(device)): \(name): not a number: \(quoted(part))")
                continue
            }
            collected.add(name, "device", device, Double(value))
        }
    }
}
