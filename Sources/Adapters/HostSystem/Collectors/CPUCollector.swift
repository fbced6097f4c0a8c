import Runtime
import Telemetry

/// `/proc/stat`: the time that each processor spent in each mode, context switches, forks, interrupts, boot time.
struct CPUCollector: HostCollector {
    let name = "cpu"
    private let files: any HostFiles
    private let exclusion: Exclusion
    private var counters = CPUCounters()

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect() async -> Collected {
        var collected = Collected()
        do throws(FileError) {
            let stat = ProcStat(parsing: try files.read(ProcStat.path))
            counters.absorb(stat.processors)
            counters.report(into: &collected)
            for (name, value) in stat.totals { collected.add(name, .none, value) }
            collected.problems += stat.problems
        } catch {
            collected.problems.append(error.description)
        }
        exclusion.apply(to: &collected)
        return collected
    }
}

/// What `/proc/stat` says. Lines that make no sense are left out and named.
struct ProcStat: Hashable, Sendable {
    static let path = "/proc/stat"

    /// Ticks by processor ("0", "1", …) in the order of the kernel's columns; older kernels have fewer.
    var processors: [String: [UInt64]] = [:]
    /// Metrics of the whole host.
    var totals: [String: Double] = [:]
    var running: Double?
    var blocked: Double?
    var problems: [String] = []

    private static let totalNames: [String: String] = [
        "ctxt": "node_context_switches_total", "processes": "node_forks_total", "intr": "node_intr_total",
        "btime": "node_boot_time_seconds",
    ]

    init(parsing content: [UInt8]) {
        for line in lines(content) {
            // The line of interrupts has a field per interrupt; only the total in front is of interest.
            let parts: [Bytes] = fields(line, limit: 11)
            guard let key = parts.first.map(text) else { continue }
            if key.hasPrefix("cpu") {
                if key.utf8.count > 3 { addProcessor(key, parts.dropFirst()) }
            } else if parts.count > 1, let value = counter(parts[1]) {
                add(key, Double(value))
            } else if Self.totalNames[key] != nil {
                problems.append("\(Self.path): \(key): no number")
            }
        }
        if processors.isEmpty { problems.append("\(Self.path): no processors") }
    }

    private mutating func add(_ key: String, _ value: Double) {
        switch key {
        case "procs_running": running = value
        case "procs_blocked": blocked = value
        default: if let name = Self.totalNames[key] { totals[name] = value }
        }
    }

    private mutating func addProcessor(_ key: String, _ columns: ArraySlice<Bytes>) {
        let ticks: [UInt64?] = columns.prefix(CPUCounters.columns.count).map(counter)
        let known: [UInt64] = ticks.compactMap { $0 }
        guard known.count == ticks.count, known.count >= 4 else {
            problems.append("\(Self.path): \(key): expected at least four numbers")
            return
        }
        processors[String(key.dropFirst(3))] = known
    }
}

/// The processors' counters, held so that they never run backwards by a little.
///
/// The kernel computes idle and iowait when asked, and at times answers less than before; `rate()` would take that for
/// a restart and add the whole counter. A processor that was taken out and put back does begin anew, and is let to.
struct CPUCounters: Sendable {
    /// The columns of `/proc/stat`. Guest time is part of user and nice, so it is another metric and no mode of them.
    static let columns: [(metric: String, mode: String)] = [
        (time, "user"), (time, "nice"), (time, "system"), (time, "idle"), (time, "iowait"), (time, "irq"),
        (time, "softirq"), (time, "steal"), (guest, "user"), (guest, "nice"),
    ]
    private static let time = "node_cpu_seconds_total"
    private static let guest = "node_cpu_guest_seconds_total"
    private static let idleColumn = 3
    /// USER_HZ is 100 for every architecture that Linux shows to user space here, whatever the kernel's own tick.
    private static let ticksPerSecond = 100.0
    /// Idle time that goes back by this much (3 s) means that the processor was away; node_exporter's figure.
    private static let restartTicks: UInt64 = 300

    private var held: [String: [UInt64]] = [:]

    mutating func absorb(_ processors: [String: [UInt64]]) {
        held = processors.reduce(into: [:]) { result, entry in
            result[entry.key] = Self.holding(held[entry.key], against: entry.value)
        }
    }

    private static func holding(_ earlier: [UInt64]?, against ticks: [UInt64]) -> [UInt64] {
        guard let earlier, earlier.count == ticks.count else { return ticks }
        let idle: UInt64 = ticks[idleColumn]
        if earlier[idleColumn] > idle, earlier[idleColumn] - idle >= restartTicks { return ticks }
        return zip(earlier, ticks).map { max($0, $1) }
    }

    func report(into collected: inout Collected) {
        for (processor, ticks) in held {
            for (column, value) in zip(Self.columns, ticks) {
                collected.add(
                    column.metric, ["cpu": processor, "mode": column.mode], Double(value) / Self.ticksPerSecond)
            }
        }
    }
}
