import ConfigAPI
import Declarations
import Reconciliation
import Runtime
import SyncDaemon
import Telemetry
import TestSupport
import Testing

/// Two stores, each held to its part of the commit.
@Suite struct ProxyTargetTests {
    private let files = ["retention.yaml": retentionText("30d"), "pipeline.yaml": pipelineText()]

    // Shows F-GO-04, F-GO-05
    @Test func eachStoreGetsItsPartOfACommit() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        let id = try await fixture.repository.commit(files)
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .applied)
        #expect(
            report.changes.map { "\($0.target) \($0.kind) \($0.result)" }.sorted() == [
                "proxy Pipeline applied", "server Retention applied",
            ])
        #expect(report.targets.map { "\($0.name) \($0.state)" } == ["server inSync", "agents inSync", "proxy inSync"])
        #expect(report.declaredDigest == report.liveDigest)
        #expect(await fixture.proxy.resource(pipeline)?.applied?.revision == id)
        #expect(await fixture.proxy.resource(pipeline)?.source?.commit == id)
        #expect(await fixture.proxy.resource(retention) == nil)
        #expect(await fixture.target.resource(pipeline) == nil)
        #expect(await reconciler.run(.timer, fetches: true).outcome == .inSync)
    }

    // Shows F-GO-06
    @Test func driftOfAPipelineIsCorrectedAndSaysWhoMadeIt() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(files)
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        var spec: [String: JSONValue] = try #require(await fixture.proxy.spec(pipeline)?.object)
        spec["batchSize"] = 7
        await fixture.proxy.edit(pipeline, .object(spec))
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .corrected)
        let change = try #require(report.changes.first)
        #expect(change.target == .proxy)
        #expect(change.changedBy?.who == "alice")
        #expect(change.fields == [FieldChange(path: "/batchSize", declared: nil, live: 7)])
        #expect(await fixture.proxy.spec(pipeline)?["batchSize"] == nil)
        await fixture.proxy.edit(pipeline, nil, by: "mallory", via: .api)
        let second = await reconciler.run(.timer, fetches: false)
        #expect(second.changes.first?.changedBy?.who == "mallory")
        #expect(second.outcome == .corrected)
    }

    // Shows F-GO-01
    @Test func aRewrittenHistoryThatAPersonAcceptedReachesTheProxyToo() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(files)
        try await fixture.repository.commit(["pipeline.yaml": pipelineText(batchSize: 600)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        let rewritten = try await fixture.repository.commitLocally(["pipeline.yaml": pipelineText(batchSize: 700)])
        try await fixture.repository.push(force: true)
        _ = try await reconciler.permitRewrite(rewritten, reason: "cleaned up")
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.outcome == .applied, "\(report.text(.plain))")
        #expect(await fixture.proxy.spec(pipeline)?["batchSize"] == 700)
        #expect(await reconciler.run(.timer, fetches: true).outcome == .inSync)
    }

    // Shows F-GO-11
    @Test func whoMayNotWriteToTheServerDoesNotWriteToTheProxyEither() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(files)
        let first = try fixture.reconciler(stateDirectory: "first")
        _ = await first.run(.startup, fetches: true)
        // Another machine enforces from now on, and accepts a commit that changes nothing at the proxy.
        await fixture.target.loseLease()
        try await fixture.repository.commit(["retention.yaml": retentionText("40d")])
        let second = try fixture.reconciler(stateDirectory: "second")
        #expect(await second.run(.startup, fetches: true).outcome == .applied)
        await fixture.proxy.edit(pipeline, nil)
        let report = await first.run(.timer, fetches: false)
        #expect(report.changes.map(\.result) != [.applied])
        #expect(await fixture.proxy.resource(pipeline) == nil)
    }

    // Shows F-GO-05
    @Test func aProxyThatIsDownHoldsBackNothingAndGetsItsPartLater() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        let id = try await fixture.repository.commit(files)
        let reconciler = try fixture.reconciler()
        await fixture.proxy.set(isDown: true)
        let first = await reconciler.run(.startup, fetches: true)
        #expect(first.outcome == .incomplete)
        #expect(first.commit?.id == id)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        #expect(first.targets.last?.message?.contains("connection refused") == true)
        await fixture.proxy.set(isDown: false)
        let second = await reconciler.run(.timer, fetches: false)
        #expect(second.outcome == .applied)
        #expect(await fixture.proxy.resource(pipeline) != nil)
    }

    @Test func aServerThatIsDownDoesNotKeepThePipelinesFromBeingCorrected() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(files)
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.set(isDown: true)
        await fixture.proxy.edit(pipeline, nil)
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.changes.map(\.result) == [.applied])
        #expect(await fixture.proxy.resource(pipeline) != nil)
        #expect(report.outcome == .incomplete)
        // A new commit waits for the server, which keeps what was accepted.
        try await fixture.repository.commit(["pipeline.yaml": pipelineText(batchSize: 9)])
        _ = await reconciler.run(.timer, fetches: true)
        #expect(await fixture.proxy.spec(pipeline)?["batchSize"] == nil)
        await fixture.target.set(isDown: false)
        _ = await reconciler.run(.timer, fetches: true)
        #expect(await fixture.proxy.spec(pipeline)?["batchSize"] == 9)
    }

    @Test func pipelinesWithoutAProxyAreSaidToBeNowhere() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(files)
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.outcome == .incomplete)
        #expect(report.targets.last?.name == .proxy)
        #expect(report.targets.last?.message?.contains("proxy.url") == true)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func aPipelineThatGitDroppedIsDeleted() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(files)
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["pipeline.yaml": nil])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.changes.map(\.action) == [.delete])
        #expect(await fixture.proxy.resource(pipeline) == nil)
    }
}
