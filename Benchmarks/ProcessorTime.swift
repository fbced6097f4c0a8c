import Glibc
import Operator
import PlatformClient
import Runtime

/// The processor time that trees of processes have used, in seconds.
struct ProcessorTime {
    var server: Double
    var postgres: Double
    var sync: Double

    init(_ record: RunRecord) {
        let parents: [Int32: [Int32]] = Self.childrenByParent()
        func seconds(_ name: String) -> Double {
            let root: Int32? = record.children.first { $0.name == name }?.processID
            return root.map { Self.seconds(of: $0, parents) } ?? 0
        }
        server = seconds("server")
        postgres = seconds("postgres")
        sync = seconds("gitops-sync")
    }

    private init(server: Double, postgres: Double, sync: Double) {
        self.server = server
        self.postgres = postgres
        self.sync = sync
    }

    static let zero = ProcessorTime(server: 0, postgres: 0, sync: 0)

    static func + (left: ProcessorTime, right: ProcessorTime) -> ProcessorTime {
        ProcessorTime(
            server: left.server + right.server, postgres: left.postgres + right.postgres, sync: left.sync + right.sync)
    }

    static func - (later: ProcessorTime, earlier: ProcessorTime) -> ProcessorTime {
        ProcessorTime(
            server: later.server - earlier.server, postgres: later.postgres - earlier.postgres,
            sync: later.sync - earlier.sync)
    }

    static func * (time: ProcessorTime, factor: Double) -> ProcessorTime {
        ProcessorTime(server: time.server * factor, postgres: time.postgres * factor, sync: time.sync * factor)
    }

    /// Of one process and its descendants.
    static func seconds(ofTree process: Int32) -> Double { seconds(of: process, childrenByParent()) }

    private static func childrenByParent() -> [Int32: [Int32]] {
        var children: [Int32: [Int32]] = [:]
        for name in Files.names(in: "/proc") {
            guard let process = Int32(name), let fields = fields(of: process), let parent = Int32(fields[1]) else {
                continue
            }
            children[parent, default: []].append(process)
        }
        return children
    }

    /// With what ended children of it used, which the kernel counts for their parent.
    private static func seconds(of process: Int32, _ children: [Int32: [Int32]]) -> Double {
        let own: Int = fields(of: process).map { fields in (11...14).reduce(0) { $0 + (Int(fields[$1]) ?? 0) } } ?? 0
        return (children[process] ?? []).reduce(Double(own) / Double(sysconf(Int32(_SC_CLK_TCK)))) { sum, child in
            sum + seconds(of: child, children)
        }
    }

    /// The fields of `/proc/PID/stat` after the name, which may hold blanks: state, parent, …; 11 to 14 are utime,
    /// stime, cutime and cstime (man 5 proc).
    private static func fields(of process: Int32) -> [Substring]? {
        guard let text = try? Files.text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields: [Substring] = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 14 ? fields : nil
    }
}
