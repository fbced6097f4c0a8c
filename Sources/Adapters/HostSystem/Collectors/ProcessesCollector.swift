import Glibc
import Runtime
import Telemetry

/// `/proc/PID/stat` of all processes: how many there are in which state, and the programs that use most.
struct ProcessesCollector: HostCollector {
    let name = "processes"
    let exclusion: Exclusion
    private let files: any HostFiles
    private var programs: ProgramUsage

    private static let states: [StaticString] = ["D", "I", "P", "R", "S", "T", "W", "X", "Z", "t"]

    init(files: any HostFiles, exclusion: Exclusion, top: Int) {
        self.files = files
        self.exclusion = exclusion
        programs = ProgramUsage(top: top, exclusion: exclusion)
    }

    mutating func collect(into collected: inout Collected) async {
        let names: [String]
        do throws(FileError) { names = try files.list("/proc") } catch {
            collected.problems.append(error.description)
            return
        }
        var processes: Double = 0
        var threads: Double = 0
        var counts = [Double](repeating: 0, count: Self.states.count)
        programs.begin()
        for name in names {
            guard let pid = Int32(name) else { continue }
            // A process may end while it is looked at.
            guard let content = try? files.read("/proc/\(name)/stat"), let process = ProcessStat(content) else {
                continue
            }
            processes += 1
            threads += Double(process.threads)
            if let state = Self.states.firstIndex(where: { process.state.equals($0) }) { counts[state] += 1 }
            programs.add(process, pid: pid)
        }
        guard processes > 0 else {
            collected.problems.append("/proc: no processes")
            return
        }
        collected.add("node_processes_pids", processes)
        collected.add("node_processes_threads", threads)
        for (state, count) in zip(Self.states, counts) where count > 0 {
            collected.add("node_processes_state", key: state.bytes, count) {
                Series("node_processes_state", ["state": "\(state)"])
            }
        }
        addLimit("/proc/sys/kernel/threads-max", "node_processes_max_threads", &collected)
        addLimit("/proc/sys/kernel/pid_max", "node_processes_max_processes", &collected)
        programs.end(into: &collected)
    }

    private func addLimit(_ path: String, _ name: StaticString, _ collected: inout Collected) {
        guard let content = content(path, files, &collected) else { return }
        if let number = counter(content[...].trimmed) {
            collected.add(name, Double(number))
        } else {
            collected.problems.append("\(path): expected a number, got \(quoted(content[...].trimmed))")
        }
    }
}

extension StaticString {
    fileprivate var bytes: Bytes {
        Array(UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount))[...]
    }
}

/// One line of `/proc/PID/stat` (proc(5)), as far as it is wanted.
struct ProcessStat: Sendable {
    /// The program's name, at most 15 bytes; it may hold anything, blanks and brackets too.
    var program: Bytes
    var state: Bytes
    /// Processor time in ticks of 10 ms.
    var ticks: UInt64
    var threads: UInt64
    /// When it started, in ticks since boot: tells it from a later one with its number.
    var startedAt: UInt64
    /// Its address space in bytes; threads of the kernel have none.
    var addressSpace: UInt64
    var residentPages: UInt64

    init?(_ content: [UInt8]) {
        guard let open = content.firstIndex(of: UInt8(ascii: "(")),
            let close = content.lastIndex(of: UInt8(ascii: ")")), open < close
        else { return nil }
        program = content[(open + 1)..<close]
        var parts = Fields(content[(close + 1)...])
        guard let state = parts.next() else { return nil }
        self.state = state
        // Fields 4 to 13 lie before the times.
        for _ in 4...13 { _ = parts.next() }
        guard let user = parts.nextCounter(), let system = parts.nextCounter() else { return nil }
        ticks = user &+ system
        for _ in 16...19 { _ = parts.next() }
        guard let threads = parts.nextCounter(), parts.next() != nil, let startedAt = parts.nextCounter(),
            let addressSpace = parts.nextCounter(), let pages = parts.next().map({ $0.trimmed }).flatMap(counter)
        else { return nil }
        self.threads = threads
        self.startedAt = startedAt
        self.addressSpace = addressSpace
        residentPages = pages
    }
}
