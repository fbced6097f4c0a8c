import ConfigAPI
import ConfigAPIClient
import Declarations
import Reconciliation
import Runtime
@testable import SyncDaemon
import Synchronization
import Telemetry
import TestSupport
import Testing

private let start = Timestamp(milliseconds: 1_763_683_600_000)

/// What happened, in order.
private final class Trace: Sendable {
    private let events = Mutex<[String]>([])
    func add(_ event: String) { events.withLock { $0.append(event) } }
    var all: [String] { events.withLock { $0 } }
}

@Suite struct CycleTests {
    private func deadline(_ trace: Trace, grace: Duration = .seconds(60)) -> CycleDeadline {
        CycleDeadline(
            limit: .milliseconds(50), grace: grace, cutOff: { trace.add("cut off") },
            abandon: { trace.add("abandoned") })
    }

    @Test func `a run that ends in time is left alone`() async {
        let trace = Trace()
        var deadline: CycleDeadline = deadline(trace)
        deadline.limit = .seconds(60)
        #expect(await deadline.run { 7 } == 7)
        #expect(trace.all.isEmpty)
    }

    // Shows F-OP-13
    @Test(.timeLimit(.minutes(1))) func `a run that takes too long is cancelled, and its result still counts`() async {
        let trace = Trace()
        let result: String = await deadline(trace).run {
            do { try await Task.sleep(for: .seconds(3600)) } catch { return "cancelled" }
            return "never"
        }
        #expect(result == "cancelled")
        #expect(trace.all == ["cut off"])
    }

    @Test(.timeLimit(.minutes(1))) func `a run that does not heed that ends the program`() async throws {
        let trace = Trace()
        let (releases, release) = AsyncStream<Void>.makeStream()
        let hanging = Task {
            await deadline(trace, grace: .milliseconds(50)).run {
                // Not an await that a cancellation would end.
                await Task.detached { for await _ in releases { break } }.value
            }
        }
        _ = try await answered("it is given up") { trace.all.contains("abandoned") ? true : nil }
        #expect(trace.all == ["cut off", "abandoned"])
        release.yield()
        await hanging.value
    }

    @Test func `a shutdown cancels a run`() async {
        let trace = Trace()
        var deadline: CycleDeadline = deadline(trace)
        deadline.limit = .seconds(3600)
        let task = Task { [deadline] in
            await deadline.run { () -> Bool in
                do { try await Task.sleep(for: .seconds(3600)) } catch { return true }
                return false
            }
        }
        task.cancel()
        #expect(await task.value)
    }

    @Test func `what a hung process leaves is told once`() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder("state"))
        try directory.create()
        let note = StuckNote(directory: directory)
        #expect(note.take() == nil)
        note.leave(at: start)
        #expect(note.take() == start.rfc3339)
        #expect(note.take() == nil)
    }

    @Test func `the next report says what no run could`() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        await reconciler.reportAtNextRun("a run hung")
        #expect(await reconciler.run(.startup, fetches: true).errors == ["a run hung"])
        #expect(await reconciler.run(.timer, fetches: false).errors.isEmpty)
    }

    // Shows F-OP-13
    @Test
    func `the daemon is alive for as long as runs are completed, and a run that takes its time has until its deadline`()
    {
        let clock = SteppedClock()
        let health = SyncHealth(patience: .minutes(1), registry: MetricsRegistry(), clock: clock)
        clock.advance(by: .seconds(120))
        #expect(health.isAlive(cycleTimeout: .minutes(2)))
        clock.advance(by: .seconds(21))
        #expect(!health.isAlive(cycleTimeout: .minutes(2)))
        var report = RunReport(
            id: "1", host: "h", trigger: .timer, mode: .enforce, startedAt: start, repository: "r", branch: "b")
        // A clock that was set, forward or back, is no run and no lack of one.
        report.finishedAt = start - .hours(1)
        health.note(report, isGitKnown: true)
        #expect(health.isAlive(cycleTimeout: .minutes(2)))
        report.finishedAt = start + .hours(1)
        health.note(report, isGitKnown: true)
        clock.advance(by: .seconds(141))
        #expect(!health.isAlive(cycleTimeout: .minutes(2)))
    }

    @Test func `every kind of failure has a counter from the start, and is counted`() async throws {
        let registry = MetricsRegistry()
        let health = SyncHealth(patience: .minutes(1), registry: registry)
        for failure in SyncFailure.allCases {
            #expect(registry.exposition.contains("gitops_sync_failures_total{kind=\"\(failure.rawValue)\"} 0\n"))
        }
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.set(isDown: true)
        let report: RunReport = await reconciler.run(.timer, fetches: false)
        health.countFailures(of: report, isGitKnown: false, unsentReports: await reconciler.waitingReports)
        for kind in ["git", "server", "agents", "report"] {
            #expect(registry.exposition.contains("gitops_sync_failures_total{kind=\"\(kind)\"} 1\n"), "\(kind)")
        }
        #expect(registry.exposition.contains("gitops_sync_failures_total{kind=\"proxy\"} 0\n"))
        #expect(registry.exposition.contains("gitops_sync_unsent_reports 1\n"))
        await fixture.target.set(isDown: false)
        _ = await reconciler.run(.timer, fetches: false)
        // An equal run is sent only now and then, which is no failure.
        _ = await reconciler.run(.timer, fetches: false)
        #expect(await reconciler.waitingReports == 0)
    }
}

/// Hears the ends of runs.
private actor Listener: ReconcilerListener {
    private(set) var heard: [ReconcilerStatus] = []
    var isAway = false

    func set(isAway: Bool) { self.isAway = isAway }

    func note(_ status: ReconcilerStatus) async throws(ConfigAPIClientError) {
        if isAway { throw .unreachable("connection refused") }
        heard.append(status)
    }
}

@Suite struct HeartbeatTests {
    @Test func `the end of a run says how it went and which commit is enforced`() async throws {
        let fixture = try await SyncFixture()
        let commit = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        let first: RunReport = await reconciler.run(.startup, fetches: true)
        var status: ReconcilerStatus = await reconciler.status(after: first, patience: .seconds(50))
        #expect(status.outcome == "applied")
        #expect(status.report == first.id)
        #expect(status.commit?.id == commit)
        #expect(status.generation != nil)
        #expect(status.drift == 0)
        #expect(try ReconcilerStatus(json: status.json) == status)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        status = await reconciler.status(after: await reconciler.run(.timer, fetches: false), patience: nil)
        #expect(status.outcome == "corrected")
        #expect(status.drift == 1)
        // Equal runs are one record under one id.
        let quiet: RunReport = await reconciler.run(.timer, fetches: false)
        let again: RunReport = await reconciler.run(.timer, fetches: false)
        #expect(again.id != quiet.id)
        #expect(await reconciler.status(after: again, patience: nil).report == quiet.id)
        await fixture.target.set(isDown: true)
        status = await reconciler.status(after: await reconciler.run(.timer, fetches: false), patience: nil)
        #expect(status.generation == nil)
        #expect(status.commit?.id == commit)
    }

    @Test func `a server that does not hear is counted`() async throws {
        let registry = MetricsRegistry()
        let health = SyncHealth(patience: .minutes(1), registry: registry)
        let listener = Listener()
        let heartbeat = Heartbeat(listener: listener, fallback: nil, health: health, now: { start })
        let status = ReconcilerStatus(
            source: "s", host: "h", patience: .seconds(50), outcome: "inSync", report: "r", drift: 0, generation: 1,
            commit: nil)
        await heartbeat.beat(status)
        await listener.set(isAway: true)
        await heartbeat.beat(status)
        #expect(await listener.heard == [status])
        #expect(registry.exposition.contains("gitops_sync_failures_total{kind=\"heartbeat\"} 1\n"))
    }
}
