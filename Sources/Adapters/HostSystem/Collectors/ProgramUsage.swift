import Glibc
import Telemetry

/// The programs that use most processor time and most memory, by name: all processes of one name together.
///
/// By name and not by process: a process' number is another one tomorrow, and each new one would be a new series. Which
/// programs are told changes slowly: what counts is the use of the last minutes, and who was told is told for a while.
struct ProgramUsage: Sendable {
    private let top: Int
    private let exclusion: Exclusion
    private var processes: [Int32: Seen] = [:]
    private var earlier: [Int32: Seen] = [:]
    private var programs: [[UInt8]: Program] = [:]
    private var isFirst = true

    private struct Seen: Sendable {
        var startedAt: UInt64
        var ticks: UInt64
        var program: [UInt8]
    }

    private struct Program: Sendable {
        var ticks: UInt64 = 0
        /// Ticks since the last look.
        var fresh: UInt64 = 0
        /// The same with older looks, which count less and less.
        var recent: Double = 0
        var pages: UInt64 = 0
        var processes = 0
        /// For how many more looks it is told.
        var told = 0
    }

    /// What a look counts in the next one: half of it is forgotten after seven looks.
    private static let memory = 0.9
    /// Looks for which a program is told after it was among the first.
    private static let toldFor = 30
    private static let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))

    init(top: Int, exclusion: Exclusion) {
        self.top = top
        self.exclusion = exclusion
    }

    mutating func begin() {
        guard top > 0 else { return }
        swap(&earlier, &processes)
        processes.removeAll(keepingCapacity: true)
        for key in programs.keys {
            programs[key]?.fresh = 0
            programs[key]?.pages = 0
            programs[key]?.processes = 0
        }
    }

    mutating func add(_ process: ProcessStat, pid: Int32) {
        guard top > 0 else { return }
        let name: [UInt8] = Self.name(process)
        // A process that became another program brought nothing of the first with it.
        let before: Seen? = earlier[pid].flatMap {
            $0.startedAt == process.startedAt && $0.ticks <= process.ticks ? $0 : nil
        }
        processes[pid] = Seen(startedAt: process.startedAt, ticks: process.ticks, program: name)
        let fresh: UInt64 = process.ticks - (before?.ticks ?? 0)
        var program: Program = programs[name] ?? Program()
        program.ticks &+= fresh
        // At the first look nothing is known of when a process used what it used.
        program.fresh &+= isFirst ? 0 : fresh
        program.pages &+= process.residentPages
        program.processes += 1
        programs[name] = program
    }

    /// Threads of the kernel are one program for each kind: `kworker/3:1-events` is `kworker`.
    private static func name(_ process: ProcessStat) -> [UInt8] {
        guard process.addressSpace == 0 else { return Array(process.program) }
        return Array(process.program.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") })
    }

    mutating func end(into collected: inout Collected) {
        guard top > 0 else { return }
        isFirst = false
        programs = programs.filter { $0.value.processes > 0 }
        for key in programs.keys {
            guard var program = programs[key] else { continue }
            program.recent = program.recent * Self.memory + Double(program.fresh)
            program.told = max(0, program.told - 1)
            programs[key] = program
        }
        let wanted: [[UInt8]] = programs.keys.filter { exclusion.isEmpty || !exclusion.covers(label($0)) }
        for name in first(wanted, by: { $0.recent }) + first(wanted, by: { Double($0.pages) }) {
            programs[name]?.told = Self.toldFor
        }
        let told: [[UInt8]] = programs.keys.filter { (programs[$0]?.told ?? 0) > 0 }.sorted {
            $0.lexicographicallyPrecedes($1)
        }
        for name in told {
            guard let program = programs[name] else { continue }
            let key: Bytes = name[...]
            collected.add("plumb_program_cpu_seconds_total", "program", key, Double(program.ticks) / 100)
            collected.add("plumb_program_resident_memory_bytes", "program", key, Double(program.pages) * Self.pageBytes)
            collected.add("plumb_program_processes", "program", key, Double(program.processes))
        }
    }

    private func first(_ names: [[UInt8]], by use: (Program) -> Double) -> [[UInt8]] {
        let ranked: [(name: [UInt8], use: Double)] = names.compactMap { name in
            guard let program = programs[name], use(program) > 0 else { return nil }
            return (name, use(program))
        }
        let sorted = ranked.sorted {
            $0.use != $1.use ? $0.use > $1.use : $0.name.lexicographicallyPrecedes($1.name)
        }
        return sorted.prefix(top).map(\.name)
    }
}
