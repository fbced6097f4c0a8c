import Glibc
import Runtime
import Telemetry

/// `/proc/net/sockstat` and `sockstat6`: how many sockets there are, and the memory that they hold.
struct SockstatCollector: HostCollector {
    let name = "sockstat"
    let exclusion: Exclusion
    private let files: any HostFiles
    private static let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        if let content = content("/proc/net/sockstat", files, &collected) { add(content, &collected) }
        if let content = contentIfPresent("/proc/net/sockstat6", files, &collected) { add(content, &collected) }
    }

    /// `TCP: inuse 4 orphan 0 tw 1 alloc 4 mem 0`
    private func add(_ content: [UInt8], _ collected: inout Collected) {
        for line in lines(content) {
            var parts = Fields(line)
            guard let heading = parts.next(), heading.last == UInt8(ascii: ":") else { continue }
            let kind: Bytes = heading.dropLast()
            while let field = parts.next() {
                guard let number = parts.nextCounter() else {
                    collected.problems.append("sockstat: \(text(kind)) \(text(field)): no number")
                    break
                }
                collected.add("node_sockstat_", variant: kind.fingerprint, key: field, Double(number)) {
                    Series("node_sockstat_\(label(kind))_\(label(field))")
                }
                // The kernel counts pages.
                guard field.equals("mem") else { continue }
                collected.add("node_sockstat_mem_bytes", key: kind, Double(number) * Self.pageBytes) {
                    Series("node_sockstat_\(label(kind))_mem_bytes")
                }
            }
        }
    }
}
