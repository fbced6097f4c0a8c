import Telemetry

/// `/proc/meminfo`: every line, named as node_exporter names it.
struct MemoryCollector: HostCollector {
    let name = "meminfo"
    let exclusion: Exclusion
    private static let path = "/proc/meminfo"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        for line in lines(content) { Self.add(line, to: &collected) }
        if collected.presentCount == 0 { collected.problems.append("\(Self.path): nothing known in it") }
    }

    /// `Active(anon):   1004 kB` is `node_memory_Active_anon_bytes`; a line without a unit is a count.
    private static func add(_ line: Bytes, to collected: inout Collected) {
        var parts = Fields(line)
        guard let key = parts.next(), key.last == UInt8(ascii: ":"), let value = parts.nextCounter() else {
            collected.problems.append("\(path): expected \"name: number\", got \(quoted(line))")
            return
        }
        let isKilobytes: Bool = parts.next()?.equals("kB") == true
        collected.add(
            "node_memory_", variant: isKilobytes ? 1 : 0, key: key, Double(value) * (isKilobytes ? 1024 : 1)
        ) {
            Series("node_memory_\(metricName(key.dropLast()))\(isKilobytes ? "_bytes" : "")")
        }
    }

    private static func metricName(_ key: Bytes) -> String {
        var name = ""
        for byte in key {
            switch byte {
            case UInt8(ascii: ")"): continue
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default: name += "_"
            }
        }
        return name
    }
}
