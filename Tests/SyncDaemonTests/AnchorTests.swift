import ConfigAPI
import Declarations
import Reconciliation
import Runtime
import SyncDaemon
import Synchronization
import Telemetry
import TestSupport
import Testing

/// The state directory and the server each remember the accepted commit; either can be older than the other.
@Suite struct AnchorTests {
    /// A state directory that accepted `First`, and another one that went on to `Second` with the same server.
    private func fixture() async throws -> (fixture: SyncFixture, first: String, second: String) {
        let fixture = try await SyncFixture()
        let first = try await fixture.repository.commit(["r.yaml": retentionText("30d")], message: "First")
        _ = await (try fixture.reconciler(stateDirectory: "old")).run(.startup, fetches: true)
        await fixture.target.loseLease()
        let second = try await fixture.repository.commit(["r.yaml": retentionText("40d")], message: "Second")
        _ = await (try fixture.reconciler(stateDirectory: "new")).run(.startup, fetches: true)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
        await fixture.target.loseLease()
        return (fixture, first, second)
    }

    // Shows F-GO-09
    @Test func `an old state directory takes up the server's later commit, and a branch without that is refused`()
        async throws
    {
        let (fixture, first, second) = try await fixture()
        try await fixture.repository.git("reset", "-q", "--hard", first)
        try await fixture.repository.commitLocally(["r.yaml": retentionText("50d")], message: "Past the second")
        try await fixture.repository.push(force: true)
        let report = await (try fixture.reconciler(stateDirectory: "old")).run(.startup, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.refusals.map(\.guardName) == [.rewrittenHistory])
        #expect(report.changes.isEmpty)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
        // It is in force as soon as it can be read.
        try await fixture.repository.git("reset", "-q", "--hard", second)
        try await fixture.repository.push(force: true)
        let next = await (try fixture.reconciler(stateDirectory: "old")).run(.timer, fetches: true)
        #expect(next.outcome == .inSync)
        #expect(next.commit?.id == second)
    }

    // Shows F-GO-09
    @Test func `an old state directory without git takes nothing back`() async throws {
        let (fixture, _, _) = try await fixture()
        let reconciler = try fixture.reconciler(url: "file:///nowhere/at/all", stateDirectory: "old")
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.changes.isEmpty)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    @Test(arguments: [false, true])
    func `a rewrite that the server did not hear of stays accepted`(isRestarted: Bool) async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        var reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        let rewritten = try await fixture.repository.commitLocally(["r.yaml": retentionText("50d")])
        try await fixture.repository.push(force: true)
        _ = try await reconciler.permitRewrite(rewritten, reason: "cleaned up")
        // The first lets it write, the second would have told the server.
        let asked = Mutex(0)
        await fixture.target.onLease {
            let isSecond: Bool = asked.withLock {
                $0 += 1
                return $0 == 2
            }
            if isSecond { await fixture.target.missLeases(1) }
        }
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.commit?.id == rewritten)
        #expect(report.errors.contains { $0.contains("not written down there") }, "\(report.text(.plain))")

        if isRestarted { reconciler = try fixture.reconciler() }
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let next = await reconciler.run(.timer, fetches: true)
        #expect(next.commit?.id == rewritten)
        #expect(next.outcome == .corrected, "\(next.text(.plain))")
        #expect(await fixture.target.spec(retention)?["keep"] == "50d")
        await fixture.target.loseLease()
        let lease = try await fixture.target.lease(
            .init(source: "gitops-sync", holder: "test", ttl: .minutes(1), acceptedCommit: nil))
        #expect(lease.acceptedCommit == rewritten)
    }

    @Test func `a store that was restored learns the later commit`() async throws {
        let (fixture, first, second) = try await fixture()
        _ = try await fixture.target.lease(
            .init(source: "gitops-sync", holder: "backup", ttl: .minutes(1), acceptedCommit: first))
        await fixture.target.loseLease()
        let report = await (try fixture.reconciler(stateDirectory: "new")).run(.startup, fetches: true)
        #expect(report.commit?.id == second)
        await fixture.target.loseLease()
        let lease = try await fixture.target.lease(
            .init(source: "gitops-sync", holder: "test", ttl: .minutes(1), acceptedCommit: nil))
        #expect(lease.acceptedCommit == second)
    }

    // Shows F-GO-09
    @Test func aMachineThatIsBehindDoesNotTakeBackWhatAnotherAccepted() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let behind = try fixture.reconciler(stateDirectory: "behind")
        _ = await behind.run(.startup, fetches: true)
        await fixture.target.loseLease()
        let newer = try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        let ahead = try fixture.reconciler(stateDirectory: "ahead")
        #expect(await ahead.run(.startup, fetches: true).outcome == .applied)
        await fixture.target.loseLease()
        let report = await behind.run(.timer, fetches: false)
        #expect(report.outcome == .incomplete)
        #expect(report.errors.contains { $0.contains(newer.prefix(10)) })
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
        // With the commit fetched it goes on from there.
        #expect(await behind.run(.timer, fetches: true).outcome == .inSync)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        #expect(await behind.run(.timer, fetches: false).outcome == .corrected)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    // What a commit allows is allowed once, whoever accepted it.
    @Test func `a trailer that another machine has used up allows nothing here`() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        let behind = try fixture.reconciler(stateDirectory: "behind")
        _ = await behind.run(.startup, fetches: true)
        await fixture.target.loseLease()
        let second = try await fixture.repository.commit(
            ["r.yaml": retentionText("39d")], message: "Keep less\n\nPlumbline-Allow: retention")
        let ahead = try fixture.reconciler(stateDirectory: "ahead")
        #expect(await ahead.run(.startup, fetches: true).outcome == .applied)
        await fixture.target.loseLease()
        try await fixture.repository.commit(["r.yaml": retentionText("5d")], message: "Keep much less")
        let first = await behind.run(.timer, fetches: true)
        #expect(first.errors.contains { $0.contains(second.prefix(10)) })
        let report = await behind.run(.timer, fetches: false)
        #expect(report.refusals.map(\.guardName) == [.retention])
        #expect(await fixture.target.spec(retention)?["keep"] == "39d")
    }
}
