import Declarations
import Dispatch
import Glibc
import Synchronization
import Telemetry

/// What became of a schedule.
package struct Verdict: Sendable {
    package var schedule: Schedule
    package var violation: Violation?
    /// What happened, line by line, where that was asked for.
    package var trace: [String]
    /// Virtual time at the end.
    package var elapsed: Duration
    package var runs: Int
}

/// Runs schedules: the production reconciler in a world in which nothing happens but what the seed says.
package enum Simulation {
    /// One schedule from beginning to end, on the calling thread.
    package static func run(_ schedule: Schedule, defect: Defect = .none, isTracing: Bool = false) -> Verdict {
        let world = World(schedule, defect: defect, isTracing: isTracing)
        for event in schedule.events {
            world.timeline.after(.milliseconds(event.milliseconds)) { world.happen(event.fault) }
        }
        for daemon in world.daemons {
            world.timeline.after(.milliseconds(100 + daemon.number * 40_000)) { daemon.start() }
        }
        world.timeline.after(Schedule.calmAfter) { world.calmDown() }
        let limit: Duration = Schedule.calmAfter + Schedule.patience
        var reports = 0
        while world.violation == nil {
            // Only a report can be the last thing that is missing.
            if world.reports != reports {
                reports = world.reports
                if world.isConverged { break }
            }
            guard let action = world.timeline.next(before: limit) else {
                world.violate(.convergence, world.whyNotConverged ?? "nobody says so")
                break
            }
            action()
            world.executor.drain()
        }
        for daemon in world.daemons { daemon.end() }
        world.executor.drain()
        defer { world.dismantle() }
        return Verdict(
            schedule: schedule, violation: world.violation, trace: world.traced, elapsed: world.timeline.now,
            runs: world.reports)
    }

    /// Of these seeds, the schedule with the smallest that violates something. Runs on all processors.
    package static func searchInParallel(_ seeds: Range<UInt64>, defect: Defect = .none) async -> Verdict? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let search = Search(seeds, defect: defect)
                DispatchQueue.concurrentPerform(iterations: search.threads) { _ in search.work() }
                continuation.resume(returning: search.found)
            }
        }
    }

    /// Leaves out what is not needed for the violation, and runs the rest once more with a trace.
    package static func explained(_ verdict: Verdict, defect: Defect = .none) -> String {
        var schedule: Schedule = verdict.schedule
        var index = schedule.events.count - 1
        while index > 0 {
            var shorter: Schedule = schedule
            shorter.events.remove(at: index)
            if run(shorter, defect: defect).violation?.invariant == verdict.violation?.invariant { schedule = shorter }
            index -= 1
        }
        let last: Verdict = run(schedule, defect: defect, isTracing: true)
        let events: String = schedule.events.map { "  at \($0.milliseconds) ms: \($0.fault)\n" }.joined()
        let trace: String = last.trace.suffix(80).map { "  \($0)\n" }.joined()
        return "seed \(schedule.seed): \(last.violation?.description ?? "nothing")\nevents:\n\(events)trace:\n\(trace)"
    }
}

/// Hands out seeds in order until one is found that violates something.
private final class Search: Sendable {
    private struct State {
        var next: UInt64
        var found: Verdict?
    }

    private let end: UInt64
    private let defect: Defect
    private let state: Mutex<State>
    let threads: Int = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    init(_ seeds: Range<UInt64>, defect: Defect) {
        end = seeds.upperBound
        self.defect = defect
        state = Mutex(State(next: seeds.lowerBound))
    }

    var found: Verdict? { state.withLock(\.found) }

    /// Seeds below one that was found are all tried: which one is found does not depend on the number of threads.
    func work() {
        while let seed = take() {
            let verdict: Verdict = Simulation.run(Schedule(seed: seed), defect: defect)
            guard verdict.violation != nil else { continue }
            state.withLock { state in
                if let known = state.found, known.schedule.seed < seed { return }
                state.found = verdict
            }
        }
    }

    private func take() -> UInt64? {
        state.withLock { state in
            guard state.next < end, state.found == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }
}
