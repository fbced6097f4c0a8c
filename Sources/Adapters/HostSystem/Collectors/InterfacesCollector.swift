import Runtime
import Telemetry

/// `/sys/class/net`: what each network interface is, and whether it is up.
struct InterfacesCollector: HostCollector {
    let name = "netclass"
    let exclusion: Exclusion
    private static let folder = "/sys/class/net"
    private let files: any HostFiles

    private enum Form {
        case decimal, hexadecimal
        /// Megabits, told as bytes a second. Negative where the kernel does not know.
        case megabits
    }

    private static let numbers: [(file: String, metric: StaticString, form: Form)] = [
        ("addr_assign_type", "node_network_address_assign_type", .decimal),
        ("carrier", "node_network_carrier", .decimal),
        ("carrier_changes", "node_network_carrier_changes_total", .decimal),
        ("carrier_up_count", "node_network_carrier_up_changes_total", .decimal),
        ("carrier_down_count", "node_network_carrier_down_changes_total", .decimal),
        ("dev_id", "node_network_device_id", .hexadecimal), ("dormant", "node_network_dormant", .decimal),
        ("flags", "node_network_flags", .hexadecimal), ("ifindex", "node_network_iface_id", .decimal),
        ("iflink", "node_network_iface_link", .decimal), ("link_mode", "node_network_iface_link_mode", .decimal),
        ("mtu", "node_network_mtu_bytes", .decimal),
        ("name_assign_type", "node_network_name_assign_type", .decimal),
        ("netdev_group", "node_network_net_dev_group", .decimal), ("speed", "node_network_speed_bytes", .megabits),
        ("tx_queue_len", "node_network_transmit_queue_length", .decimal),
        ("type", "node_network_protocol_type", .decimal),
    ]
    private static let texts = ["address", "broadcast", "duplex", "ifalias", "operstate"]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        let devices: [String]
        do throws(FileError) { devices = try files.list(Self.folder).sorted() } catch {
            collected.problems.append(error.description)
            return
        }
        for device in devices where !exclusion.covers(device) { add(device, to: &collected) }
    }

    private func add(_ device: String, to collected: inout Collected) {
        let key: Bytes = Array(device.utf8)[...]
        // A file that lies in the folder (`bonding_masters`) is no interface. Some attributes are refused for an
        // interface that is down; those are left out.
        guard let type = value(device, "type") else { return }
        for (file, metric, form) in Self.numbers {
            guard let content = file == "type" ? type : value(device, file) else { continue }
            guard let number = Self.number(content, form) else { continue }
            collected.add(metric, "device", key, number)
        }
        let state: Bytes? = value(device, "operstate")
        collected.add("node_network_up", "device", key, state?.equals("up") == true ? 1 : 0)
        let texts: [(String, Bytes)] = Self.texts.map { ($0, value(device, $0) ?? []) }
        var whole: [UInt8] = Array(key)
        for (_, text) in texts { whole += [0] + text }
        collected.add("node_network_info", key: whole[...], 1) {
            var labels: [String: String] = ["device": label(key)]
            for (name, text) in texts { labels[name] = label(text) }
            return Series("node_network_info", Labels(labels))
        }
    }

    private static func number(_ content: Bytes, _ form: Form) -> Double? {
        switch form {
        case .decimal: integer(content).map { Double($0) }
        case .hexadecimal: hexadecimalCounter(content).map { Double($0) }
        case .megabits: integer(content).flatMap { $0 < 0 ? nil : Double($0) * 1_000_000 / 8 }
        }
    }

    private func value(_ device: String, _ file: String) -> Bytes? {
        (try? files.read("\(Self.folder)/\(device)/\(file)")).map { $0[...].trimmed }
    }
}
