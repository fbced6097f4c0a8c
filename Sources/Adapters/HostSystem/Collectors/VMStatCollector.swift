import Telemetry

/// `/proc/vmstat`: paging, swapping, faults and kills for want of memory; the lines that node_exporter takes.
struct VMStatCollector: HostCollector {
    let name = "vmstat"
    let exclusion: Exclusion
    private static let path = "/proc/vmstat"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        for line in lines(content) {
            var parts = Fields(line)
            guard let key = parts.next(), Self.isWanted(key) else { continue }
            guard let value = parts.nextCounter() else {
                collected.problems.append("\(Self.path): expected \"name number\", got \(quoted(line))")
                continue
            }
            collected.add("node_vmstat_", key: key, Double(value)) { Series("node_vmstat_\(label(key))") }
        }
    }

    /// `^(oom_kill|pgpg|pswp|pg.*fault).*`
    private static func isWanted(_ key: Bytes) -> Bool {
        guard key.first == UInt8(ascii: "p") else { return key.begins(with: "oom_kill") }
        if key.begins(with: "pgpg") || key.begins(with: "pswp") { return true }
        guard key.begins(with: "pg") else { return false }
        var rest: Bytes = key.dropFirst(2)
        while let place = rest.firstIndex(of: UInt8(ascii: "f")) {
            rest = rest[place...]
            if rest.begins(with: "fault") { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
