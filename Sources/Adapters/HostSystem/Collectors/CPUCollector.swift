import Runtime
import Telemetry

/// `/proc/stat`: the time that each processor spent in each mode, context switches, forks, interrupts, boot time; and
/// from `/sys` how fast each runs and how often it was throttled.
struct CPUCollector: HostCollector {
    let name = "cpu"
    let exclusion: Exclusion
    private let files: any HostFiles
    private var counters = CPUCounters()
    private var frequencies: CPUFrequencies

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
        frequencies = CPUFrequencies(files: files)
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(ProcStat.path, files, &collected) else { return }
        counters.begin()
        for line in lines(content) { add(line, &collected) }
        if counters.processors.isEmpty { collected.problems.append("\(ProcStat.path): no processors") }
        counters.end()
        frequencies.collect(of: counters.processors, into: &collected)
    }

    private mutating func add(_ line: Bytes, _ collected: inout Collected) {
        var parts = Fields(line)
        guard let key = parts.next() else { return }
        if key.begins(with: "cpu") {
            // The line of all processors together has no number.
            if key.count > 3 { addProcessor(key, &parts, &collected) }
        } else if key.equals("ctxt") {
            addTotal("node_context_switches_total", key, &parts, &collected)
        } else if key.equals("processes") {
            addTotal("node_forks_total", key, &parts, &collected)
        } else if key.equals("intr") {
            // A field per interrupt follows; only the total in front is of interest.
            addTotal("node_intr_total", key, &parts, &collected)
        } else if key.equals("btime") {
            addTotal("node_boot_time_seconds", key, &parts, &collected)
        }
    }

    private func addTotal(_ name: StaticString, _ key: Bytes, _ parts: inout Fields, _ collected: inout Collected) {
        if let value = parts.nextCounter() {
            collected.add(name, Double(value))
        } else {
            collected.problems.append("\(ProcStat.path): \(text(key)): no number")
        }
    }

    private mutating func addProcessor(_ key: Bytes, _ parts: inout Fields, _ collected: inout Collected) {
        var ticks = CPUCounters.Ticks()
        while ticks.count < CPUCounters.Ticks.most, let part = parts.next() {
            guard let value = counter(part) else {
                ticks = CPUCounters.Ticks()
                break
            }
            ticks.append(value)
        }
        let number: Bytes = key.dropFirst(3)
        guard ticks.count >= 4, let processor = counter(number).flatMap({ UInt32(exactly: $0) }) else {
            collected.problems.append("\(ProcStat.path): \(text(key)): expected at least four numbers")
            return
        }
        let held: CPUCounters.Ticks = counters.held(ticks, of: processor)
        for column in 0..<held.count {
            let (name, mode) = CPUCounters.columns[column]
            let seconds: Double = Double(held[column]) / CPUCounters.ticksPerSecond
            collected.add(name, variant: column, key: number, seconds) {
                Series("\(name)", ["cpu": label(number), "mode": mode])
            }
        }
    }
}

/// What two collectors read of `/proc/stat`.
enum ProcStat {
    static let path = "/proc/stat"
}

/// The processors' counters, held so that they never run backwards by a little.
///
/// The kernel computes idle and iowait when asked, and at times answers less than before; `rate()` would take that for
/// a restart and add the whole counter. A processor that was taken out and put back does begin anew, and is let to.
struct CPUCounters: Sendable {
    /// The columns of `/proc/stat`. Guest time is part of user and nice, so it is another metric and no mode of them.
    static let columns: [(metric: StaticString, mode: String)] = [
        (time, "user"), (time, "nice"), (time, "system"), (time, "idle"), (time, "iowait"), (time, "irq"),
        (time, "softirq"), (time, "steal"), (guest, "user"), (guest, "nice"),
    ]
    private static let time: StaticString = "node_cpu_seconds_total"
    private static let guest: StaticString = "node_cpu_guest_seconds_total"
    private static let idleColumn = 3
    /// USER_HZ is 100 for every architecture that Linux shows to user space here, whatever the kernel's own tick.
    static let ticksPerSecond = 100.0
    /// Idle time that goes back by this much (3 s) means that the processor was away; node_exporter's figure.
    private static let restartTicks: UInt64 = 300

    /// The columns of one processor; older kernels have fewer.
    struct Ticks: Sendable {
        static let most = 10
        private var values: InlineArray<10, UInt64> = .init(repeating: 0)
        private(set) var count = 0

        subscript(column: Int) -> UInt64 {
            get { values[column] }
            set { values[column] = newValue }
        }

        mutating func append(_ value: UInt64) {
            values[count] = value
            count += 1
        }
    }

    private var held: [UInt32: Ticks] = [:]
    /// The processors of this look, in the kernel's order.
    private(set) var processors: [UInt32] = []

    mutating func begin() { processors.removeAll(keepingCapacity: true) }

    /// Forgets processors that were not there this time.
    mutating func end() {
        guard held.count > processors.count else { return }
        let present = Set(processors)
        held = held.filter { present.contains($0.key) }
    }

    mutating func held(_ ticks: Ticks, of processor: UInt32) -> Ticks {
        processors.append(processor)
        var result: Ticks = ticks
        if let earlier = held[processor], earlier.count == ticks.count {
            let idle: UInt64 = ticks[Self.idleColumn]
            let wasAway: Bool =
                earlier[Self.idleColumn] > idle && earlier[Self.idleColumn] - idle >= Self.restartTicks
            if !wasAway {
                for column in 0..<ticks.count { result[column] = max(earlier[column], ticks[column]) }
            }
        }
        held[processor] = result
        return result
    }
}
