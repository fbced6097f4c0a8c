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

    /// A trailer counts for the whole of its commit, also for the part that comes later, and after a restart.
    @Test(arguments: [false, true])
    func whatACommitAllowsReachesAProxyThatWasDown(isRestarted: Bool) async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        let names: [String] = ["a", "b", "c", "d"]
        let pipelines: [String: String?] = pipelineFiles(names)
        try await fixture.repository.commit(pipelines)
        try await fixture.repository.commit(["retention.yaml": retentionText("30d")])
        var reconciler = try fixture.reconciler()
        #expect(await reconciler.run(.startup, fetches: true).outcome == .applied)
        await fixture.proxy.set(isDown: true)
        try await fixture.repository.commit(
            pipelines.mapValues { _ in nil }, message: "Load nothing any more\n\nPlumbline-Allow: prune")
        let accepted = await reconciler.run(.timer, fetches: true)
        #expect(accepted.outcome == .incomplete, "\(accepted.text(.plain))")
        let last = try await fixture.repository.commit(["retention.yaml": retentionText("40d")])
        #expect(await reconciler.run(.timer, fetches: true).commit?.id == last)
        if isRestarted { reconciler = try fixture.reconciler() }
        await fixture.proxy.set(isDown: false)
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .applied, "\(report.text(.plain))")
        #expect(report.permissions == [.prune])
        for name in names { #expect(await fixture.proxy.spec(ResourceKey(.pipeline, name)) == nil) }

        // Once it has its part, the trailer counts no more.
        try await fixture.repository.commit(pipelines)
        _ = await reconciler.run(.timer, fetches: true)
        try await fixture.repository.commit(pipelines.mapValues { _ in nil })
        #expect(await reconciler.run(.timer, fetches: true).refusals.map(\.guardName) == [.prune])
    }

    /// A trailer speaks of what was dropped until then: neither of what a later commit drops, although the proxy gets both
    /// at once, nor again when the state directory comes back as it was before the proxy had its part.
    @Test(arguments: [false, true])
    func whatALaterCommitDropsIsNotAllowedByAnEarlierOne(isStateOld: Bool) async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        let (first, second): ([String], [String]) = (["a", "b", "c", "d"], ["e", "f", "g", "h"])
        try await fixture.repository.commit(pipelineFiles(first + second))
        var reconciler = try fixture.reconciler()
        #expect(await reconciler.run(.startup, fetches: true).outcome == .applied)
        await fixture.proxy.set(isDown: true)
        try await fixture.repository.commit(
            pipelineFiles(first).mapValues { _ in nil }, message: "Load less\n\nPlumbline-Allow: prune")
        _ = await reconciler.run(.timer, fetches: true)
        if isStateOld {
            let state: String = fixture.folder("state/state.json")
            let old: [UInt8] = try Files.read(state)
            await fixture.proxy.set(isDown: false)
            #expect(await reconciler.run(.timer, fetches: false).outcome == .applied)
            try Files.write(old, to: state)
            reconciler = try fixture.reconciler()
        }
        try await fixture.repository.commit(pipelineFiles(second).mapValues { _ in nil })
        _ = await reconciler.run(.timer, fetches: true)
        await fixture.proxy.set(isDown: false)
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.refusals.map(\.guardName) == [.prune], "\(report.text(.plain))")
        for name in second { #expect(await fixture.proxy.spec(ResourceKey(.pipeline, name)) != nil) }
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

private func pipelineFiles(_ names: [String]) -> [String: String?] {
    Dictionary(
        uniqueKeysWithValues: names.map { name -> (String, String?) in
            (
                "\(name).yaml",
                pipelineText().replacing("name: reading", with: "name: \(name)").replacing(
                    "/srv/events/", with: "/srv/\(name)/")
            )
        })
}
