import Runtime
import Telemetry

/// `/proc/net/netstat`, `snmp` and `snmp6`: what the protocols counted; the fields that node_exporter takes.
struct NetstatCollector: HostCollector {
    let name = "netstat"
    let exclusion: Exclusion
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        for path in ["/proc/net/netstat", "/proc/net/snmp"] {
            if let content = content(path, files, &collected) { addPairs(content, path, &collected) }
        }
        // Without IPv6 there is no such file.
        if let content = contentIfPresent("/proc/net/snmp6", files, &collected) { addSix(content, &collected) }
    }

    /// Two lines each: names, then numbers, both behind the protocol's name.
    private func addPairs(_ content: [UInt8], _ path: String, _ collected: inout Collected) {
        var iterator: Lines = lines(content)
        while let names = iterator.next(), let numbers = iterator.next() {
            var names = Fields(names)
            var numbers = Fields(numbers)
            guard let heading = names.next(), heading.last == UInt8(ascii: ":"), numbers.next() == heading else {
                collected.problems.append("\(path): expected two lines of one protocol, got \(quoted(names.rest))")
                return
            }
            let protocolName: Bytes = heading.dropLast()
            guard Self.protocols.contains(where: { protocolName.equals($0) }) else { continue }
            while let field = names.next() {
                guard let number = numbers.next().flatMap(integer) else {
                    collected.problems.append("\(path): \(text(protocolName)) \(text(field)): no number")
                    break
                }
                add(protocolName, field, number, &collected)
            }
        }
    }

    /// `Ip6InReceives  17`: protocol and name in one word.
    private func addSix(_ content: [UInt8], _ collected: inout Collected) {
        for line in lines(content) {
            var parts = Fields(line)
            guard let key = parts.next(), let six = key.firstIndex(of: UInt8(ascii: "6")) else { continue }
            guard let number = parts.next().flatMap(integer) else {
                collected.problems.append("/proc/net/snmp6: \(text(key)): no number")
                continue
            }
            add(key[...six], key[(six + 1)...], number, &collected)
        }
    }

    private func add(_ protocolName: Bytes, _ field: Bytes, _ number: Int64, _ collected: inout Collected) {
        guard Self.isWanted(protocolName, field) else { return }
        collected.add("node_netstat_", variant: protocolName.fingerprint, key: field, Double(number)) {
            Series("node_netstat_\(label(protocolName))_\(label(field))")
        }
    }

    private static let protocols: [StaticString] = ["Ip", "IpExt", "Icmp", "Tcp", "TcpExt", "Udp", "UdpLite"]

    /// `.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|…`, as node_exporter
    /// has it.
    private static func isWanted(_ protocolName: Bytes, _ field: Bytes) -> Bool {
        func isAny(_ names: StaticString...) -> Bool { names.contains { field.equals($0) } }
        if field.begins(with: "InErr"), isAny("InErrors", "InErrs") { return true }
        if protocolName.equals("TcpExt") {
            return field.begins(with: "Listen") || field.begins(with: "Syncookies")
                || isAny("TCPSynRetrans", "TCPTimeouts")
        }
        if protocolName.equals("Tcp") {
            return isAny(
                "ActiveOpens", "InSegs", "OutSegs", "OutRsts", "PassiveOpens", "RetransSegs", "CurrEstab")
        }
        if protocolName.equals("Ip") { return isAny("Forwarding") }
        if protocolName.equals("IpExt") || protocolName.equals("Ip6") { return isAny("InOctets", "OutOctets") }
        if protocolName.equals("Icmp") || protocolName.equals("Icmp6") { return isAny("InMsgs", "OutMsgs") }
        if protocolName.equals("Udp") || protocolName.equals("Udp6") {
            return isAny("InDatagrams", "OutDatagrams", "NoPorts", "RcvbufErrors", "SndbufErrors")
        }
        return false
    }
}
