import Runtime
import Telemetry

/// `/proc/meminfo`: every line, named as node_exporter names it.
struct MemoryCollector: HostCollector {
    let name = "meminfo"
    private static let path = "/proc/meminfo"
    private let files: any HostFiles
    private let exclusion: Exclusion

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect() async -> Collected {
        var collected = Collected()
        do throws(FileError) {
            for line in lines(try files.read(Self.path)) { Self.add(line, to: &collected) }
            if collected.measurements.isEmpty { collected.problems.append("\(Self.path): nothing known in it") }
        } catch {
            collected.problems.append(error.description)
        }
        exclusion.apply(to: &collected)
        return collected
    }

    /// `Active(anon):   1004 kB` is `node_memory_Active_anon_bytes`; a line without a unit is a count.
    private static func add(_ line: Bytes, to collected: inout Collected) {
        let parts: [Bytes] = fields(line)
        guard let key = parts.first, key.last == UInt8(ascii: ":"), parts.count > 1, let value = counter(parts[1])
        else {
            collected.problems.append("\(path): expected \"name: number\", got \(quoted(line))")
            return
        }
        let isKilobytes: Bool = parts.count > 2 && text(parts[2]) == "kB"
        let name = "node_memory_\(metricName(key.dropLast()))\(isKilobytes ? "_bytes" : "")"
        collected.add(name, .none, Double(value) * (isKilobytes ? 1024 : 1))
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
