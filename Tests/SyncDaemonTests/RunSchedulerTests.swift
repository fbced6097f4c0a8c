import Reconciliation
import SyncDaemon
import Telemetry
import Testing

private let start = Timestamp(milliseconds: 1_700_000_000_000)

// Shows F-GO-11
@Suite struct RunSchedulerTests {
    private func scheduler() -> RunScheduler {
        RunScheduler(intervals: .init(git: .seconds(60), drift: .seconds(10)), now: start)
    }

    /// After the first run, which ended at `start`.
    private func settled() -> RunScheduler {
        var scheduler = scheduler()
        #expect(scheduler.next(at: start) == .run(.startup, fetches: true))
        scheduler.finished(.inSync, fetchFailed: false, at: start, random: 0.5)
        return scheduler
    }

    @Test func liveStateIsLookedAtMoreOftenThanGit() {
        var scheduler = settled()
        var fetches: [Bool] = []
        var now = start
        while fetches.count < 7 {
            switch scheduler.next(at: now) {
            case .wait(let until): now = until
            case .run(let trigger, let fetch):
                #expect(trigger == .timer)
                fetches.append(fetch)
                scheduler.finished(.inSync, fetchFailed: false, at: now, random: 0.5)
            case .none: Issue.record("idle")
            }
        }
        #expect(fetches == [false, false, false, false, false, true, false])
        #expect(now == start + .seconds(70))
    }

    @Test func triggersDuringARunBecomeOneRunAfterIt() {
        var scheduler = settled()
        scheduler.trigger(.manual)
        #expect(scheduler.next(at: start) == .run(.manual, fetches: true))
        scheduler.trigger(.manual)
        scheduler.trigger(.signal)
        scheduler.trigger(.event)
        #expect(scheduler.next(at: start) == .none)
        scheduler.finished(.applied, fetchFailed: false, at: start, random: 0.5)
        #expect(scheduler.next(at: start) == .run(.manual, fetches: true))
        scheduler.finished(.inSync, fetchFailed: false, at: start, random: 0.5)
        #expect(scheduler.next(at: start) == .wait(until: start + .seconds(10)))
    }

    @Test func anEventIsALookWithoutAFetchAndEventsInARushAreSpaced() {
        var scheduler = settled()
        scheduler.trigger(.event)
        #expect(scheduler.next(at: start) == .run(.event, fetches: false))
        scheduler.finished(.corrected, fetchFailed: false, at: start, random: 0.5)
        scheduler.trigger(.event)
        #expect(scheduler.next(at: start) == .wait(until: start + .milliseconds(200)))
        #expect(scheduler.next(at: start + .milliseconds(200)) == .run(.event, fetches: false))
    }

    @Test func webhooksInARushAreSpacedAndHoldUpNothingElse() {
        var scheduler = settled()
        func run(_ now: Timestamp) -> RunScheduler.Action {
            let action = scheduler.next(at: now)
            if case .run = action { scheduler.finished(.inSync, fetchFailed: false, at: now, random: 0.5) }
            return action
        }
        scheduler.trigger(.webhook)
        #expect(run(start) == .run(.webhook, fetches: true))
        scheduler.trigger(.webhook)
        scheduler.trigger(.webhook)
        #expect(run(start) == .wait(until: start + .seconds(1)))
        scheduler.trigger(.event)
        #expect(run(start + .milliseconds(300)) == .run(.event, fetches: false))
        #expect(run(start + .milliseconds(300)) == .wait(until: start + .seconds(1)))
        #expect(run(start + .seconds(1)) == .run(.webhook, fetches: true))
        scheduler.trigger(.webhook)
        scheduler.trigger(.manual)
        #expect(run(start + .milliseconds(1300)) == .run(.manual, fetches: true))
        #expect(run(start + .milliseconds(1300)) == .wait(until: start + .milliseconds(11_300)))
    }

    @Test func aTargetThatIsAwayIsTriedAgainSoonAndNeverLaterThanTheInterval() {
        var scheduler = settled()
        var waits: [Int64] = []
        for _ in 0..<6 {
            scheduler.trigger(.manual)
            _ = scheduler.next(at: start)
            scheduler.finished(.incomplete, fetchFailed: false, at: start, random: 0.5)
            if case .wait(let until) = scheduler.next(at: start) { waits.append((until - start).milliseconds) }
        }
        #expect(waits == [1000, 2000, 4000, 8000, 10_000, 10_000])
    }

    @Test func aRemoteThatIsAwayIsTriedLessAndLessOften() {
        var scheduler = settled()
        var now = start
        var gaps: [Int64] = []
        var lastFetch = start
        scheduler.trigger(.manual)
        while gaps.count < 7 {
            switch scheduler.next(at: now) {
            case .wait(let until): now = until
            case .run(_, let fetches):
                if fetches {
                    gaps.append((now - lastFetch).milliseconds)
                    lastFetch = now
                }
                scheduler.finished(fetches ? .incomplete : .inSync, fetchFailed: true, at: now, random: 0.5)
            case .none: Issue.record("idle")
            }
        }
        #expect(gaps == [0, 5000, 10_000, 20_000, 40_000, 80_000, 160_000])
    }
}
