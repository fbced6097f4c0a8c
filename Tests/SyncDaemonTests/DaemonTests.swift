import Declarations
import Glibc
import Logging
import Reconciliation
import Runtime
import ServiceLifecycle
import Synchronization
@testable import SyncDaemon
import TestSupport
import Testing

@Suite struct DaemonTests {
    /// Runs the daemon's loop and control socket while `body` does.
    private func withDaemon(
        _ fixture: SyncFixture, _ extra: String = "", giveBack: @escaping @Sendable () -> Void = {},
        _ body: @Sendable (ControlClient, RunQueue) async throws -> Void
    ) async throws {
        let configuration = try fixture.configuration(extra)
        let dependencies = try fixture.dependencies(configuration)
        let reconciler = try Reconciler(configuration, dependencies)
        let queue = RunQueue()
        let broadcast = ProgressBroadcast()
        let health = SyncHealth(patience: configuration.patience, registry: MetricsRegistry())
        let group = ServiceGroup(
            services: [
                SyncService(
                    reconciler: reconciler, queue: queue, broadcast: broadcast, health: health,
                    configuration: configuration, dependencies: dependencies, giveBack: giveBack),
                ControlServer(
                    path: configuration.controlSocket, reconciler: reconciler, queue: queue, broadcast: broadcast,
                    logger: dependencies.logger),
            ], logger: dependencies.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await until("the control socket answers") {
                (try? await ControlClient(path: configuration.controlSocket).send(.status) { _ in }) != nil
            }
            try await body(ControlClient(path: configuration.controlSocket), queue)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func sync(_ client: ControlClient) async throws -> [ControlAnswer] {
        let answers = Mutex<[ControlAnswer]>([])
        try await client.send(.sync(waits: true)) { answer in answers.withLock { $0.append(answer) } }
        return answers.withLock { $0 }
    }

    @Test func aWishThroughTheSocketIsAnsweredWithPlanAndResult() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await withDaemon(fixture, "interval: 1h") { client, _ in
            try await until("the first run is over") { await fixture.target.spec(retention) != nil }
            let id = try await fixture.repository.commit(["r.yaml": retentionText("40d")])
            let answers = try await sync(client)
            guard answers.count == 3, case .accepted = answers[0], case .planned(let plan) = answers[1],
                case .finished(let result) = answers[2]
            else {
                Issue.record("\(answers)")
                return
            }
            #expect(plan.changes.map(\.result) == [.planned])
            #expect(result.outcome == .applied)
            #expect(result.commit?.id == id)
        }
    }

    @Test func memoryIsGivenBackAfterTheFirstRunAndAfterThoseThatDidSomething() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let times = Mutex(0)
        try await withDaemon(fixture, "interval: 1h\ndrift: {interval: 1h}", giveBack: { times.withLock { $0 += 1 } }) {
            client, _ in
            try await until("the first run is over") { times.withLock { $0 } == 1 }
            for wish in ["nothing to do", "a change"] {
                if wish == "a change" { try await fixture.repository.commit(["r.yaml": retentionText("40d")]) }
                let answers = try await sync(client)
                guard case .finished = answers.last else {
                    Issue.record("\(answers)")
                    return
                }
            }
            try await until("the run that did something is over") { times.withLock { $0 } >= 2 }
            #expect(times.withLock { $0 } == 2)
        }
    }

    // Shows F-GO-15
    @Test func anOrderThroughTheSocketNamesTheUserWhoGaveIt() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await withDaemon(fixture, "interval: 1h\ndrift: {interval: 1h}") { client, _ in
            try await until("the first run is over") { await fixture.target.spec(retention) != nil }
            let answers = Mutex<[ControlAnswer]>([])
            for order: OrderRequest in [.suspend(reason: "x"), .suspend(reason: nil), .unpin] {
                try await client.send(.order(order)) { answer in answers.withLock { $0.append(answer) } }
            }
            let user: String = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? ""
            guard case .ordered(let first) = answers.withLock({ $0[0] }) else {
                Issue.record("\(answers.withLock { $0 })")
                return
            }
            #expect(first.suspension?.by == user)
            #expect(answers.withLock { $0.last } == .failed("no commit is pinned"))
            try await until("a report says so") {
                let report: JSONValue? = await fixture.target.reports.last
                return report?["enforcement"]?["suspended"]?["by"]?.string == user
                    && report?["requestedBy"] == [.string(user)]
            }
        }
    }

    @Test func aLargeAnswerArrivesWhole() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await withDaemon(fixture, "interval: 1h") { client, _ in
            try await until("the first run is over") { await fixture.target.spec(retention) != nil }
            let hosts: String = (0..<1000).map { "host-with-a-long-name-\($0)" }.joined(separator: ", ")
            let groups: [String: String?] = Dictionary(
                uniqueKeysWithValues: (0..<60).map { ("g\($0).yaml", groupText("g\($0)", hosts: "[\(hosts)]")) })
            try await fixture.repository.commit(groups)
            guard case .finished(let report) = try await sync(client).last else {
                Issue.record("no result arrived")
                return
            }
            #expect(report.changes.count == 60)
        }
    }

    @Test func manyWishesAtOnceAreFewRunsAndAllAreAnswered() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await withDaemon(fixture, "interval: 1h\ndrift: {interval: 1h}") { client, _ in
            try await until("the first run is over") { await fixture.target.spec(retention) != nil }
            let ids = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        guard case .finished(let report) = try await sync(client).last else { return nil }
                        return report.id
                    }
                }
                var ids: [String?] = []
                for try await id in group { ids.append(id) }
                return ids
            }
            #expect(ids.count == 8 && !ids.contains(nil))
            #expect(Set(ids).count <= 4)
        }
    }

    @Test func driftIsFoundWithinTheIntervalAndAtOnceAfterAnEvent() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await withDaemon(fixture, "interval: 1h\ndrift: {interval: 300ms}") { _, _ in
            try await until("the first run is over") { await fixture.target.spec(retention) != nil }
            await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
            try await until("it is corrected") { await fixture.target.spec(retention)?["keep"] == "30d" }
        }
        try await withDaemon(fixture, "interval: 1h\ndrift: {interval: 1h}") { _, queue in
            await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
            queue.trigger(.event)
            try await until("it is corrected") { await fixture.target.spec(retention)?["keep"] == "30d" }
        }
    }

    // Shows F-GO-01
    @Test func aRemoteThatSaysNothingIsGivenUpAndTheLastGoodCommitStaysEnforced() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        let silent = try LocalListener.blackHole()
        let reconciler = try fixture.reconciler(
            "fetch: {timeout: 1s}", url: "http://127.0.0.1:\(silent.port)/config.git")
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let clock = ContinuousClock()
        let began = clock.now
        let report = await reconciler.run(.timer, fetches: true)
        #expect(clock.now - began < .seconds(15))
        #expect(report.errors.first?.contains("no answer within") == true)
        #expect(report.changes.map(\.result) == [.applied])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }
}

/// Waits until something is so.
func until(_ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws {
    let deadline: ContinuousClock.Instant = .now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TestSupportError("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
