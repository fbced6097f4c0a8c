import ConfigAPI
import Declarations
import Reconciliation
import Runtime
import SyncDaemon
import TestSupport
import Testing

/// A store that somebody else filled before the first commit.
@Suite struct FirstMeetingTests {
    private let fixture: SyncFixture

    init() async throws {
        fixture = try await SyncFixture()
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "90d"], by: "admin", via: .api)
        await fixture.target.edit(group, ["hosts": ["web-1"]], by: "admin", via: .api)
    }

    // Shows F-GO-10
    @Test func isObservedUntilAPersonSaysEnforce() async throws {
        try await fixture.repository.commit(["g.yaml": groupText(), "r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(report.mode == .observe)
        #expect(report.commit == nil)
        #expect(report.changes.map(\.action) == [.adopt, .adopt])
        #expect(report.changes.map(\.result) == [.reported, .reported])
        #expect(report.notices.first?.contains("the store holds 2 resources of others") == true)
        #expect(report.notices.contains { $0.hasPrefix("enforcing would be refused by guard adopt: ") })
        #expect(report.notices.contains { $0.hasPrefix("enforcing would be refused by guard retention: ") })
        #expect(await fixture.target.patches.isEmpty)

        // Also after a restart, and with another commit.
        try await fixture.repository.commit([:], message: "Take over\n\nPlumbline-Allow: adopt, retention")
        let last = try await fixture.repository.commit(["x.yaml": groupText("new")], message: "One more thing")
        let restarted = try fixture.reconciler()
        let second = await restarted.run(.startup, fetches: true)
        #expect(second.mode == .observe)
        #expect(second.notices.count == 1, "\(second.notices)")
        #expect(await fixture.target.patches.isEmpty)

        try await restarted.beginEnforcing()
        let enforced = await restarted.run(.manual, fetches: true)
        // The trailer of a commit that came while observing still counts.
        #expect(enforced.outcome == .applied, "\(enforced.text(.plain))")
        #expect(enforced.permissions == [.adopt, .retention])
        #expect(enforced.commit?.id == last)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func whatIsEqualIsTakenOverOnceEnforced() async throws {
        try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await reconciler.beginEnforcing()
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.outcome == .applied, "\(report.text(.plain))")
        #expect(report.mode == .enforce)
        #expect(await fixture.target.resource(group)?.owner == "gitops-sync")
        #expect(await fixture.target.spec(retention)?["keep"] == "90d")
        #expect(report.foreign == ["Retention/metrics"])
        #expect(await (try fixture.reconciler()).run(.startup, fetches: true).outcome == .inSync)
    }

    @Test func anEmptyStoreIsNoneAndNeedsNoWord() async throws {
        await fixture.target.edit(retention, nil)
        await fixture.target.edit(group, nil)
        try await fixture.repository.commit(["g.yaml": groupText()])
        #expect(await (try fixture.reconciler()).run(.startup, fetches: true).outcome == .applied)
    }

    @Test func aStoreThatKnowsThisSourceIsNone() async throws {
        try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        try await reconciler.beginEnforcing()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.loseLease()
        let fresh = try fixture.reconciler(stateDirectory: "other")
        #expect(await fresh.run(.startup, fetches: true).outcome == .inSync)
    }

    // Shows F-GO-09
    @Test func anOldStateDirectoryThatStillMeetsAStoreGoesOnFromWhatItKnows() async throws {
        try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        let old: [UInt8] = try Files.read(fixture.folder("state/state.json"))
        try await reconciler.beginEnforcing()
        #expect(await reconciler.run(.manual, fetches: true).outcome == .applied)
        try Files.write(old, to: fixture.folder("state/state.json"))
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.mode == .enforce)
        #expect(report.outcome == .inSync, "\(report.text(.plain))")
    }

    /// The trailers of the commit that was met count too, also where another one follows.
    @Test func theCommitThatWasMetMaySpeak() async throws {
        try await fixture.repository.commit(
            ["r.yaml": retentionText("30d")], message: "Take over\n\nPlumbline-Allow: adopt, retention")
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["x.yaml": groupText("new")])
        _ = await reconciler.run(.timer, fetches: true)
        try await reconciler.beginEnforcing()
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.outcome == .applied, "\(report.text(.plain))")
        #expect(report.permissions == [.adopt, .retention])
    }

    /// What was looked at with `mode: observe` was not accepted: enforcing begins as if nothing had been.
    @Test func lookingOnBeforehandSkipsNoMeeting() async throws {
        let head = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let looking = try fixture.reconciler("mode: observe")
        let seen = await looking.run(.startup, fetches: true)
        #expect(seen.outcome == .drifted)
        #expect(seen.commit == nil)
        #expect(seen.waitingCommit?.id == head)
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.mode == .observe)
        #expect(report.notices.first?.hasPrefix("first meeting: ") == true, "\(report.text(.plain))")
        #expect(await fixture.target.patches.isEmpty)
    }

    @Test func theWordIsRefusedWhereItMeansNothing() async throws {
        try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        try await reconciler.beginEnforcing()
        _ = await reconciler.run(.startup, fetches: true)
        await #expect(throws: SyncError.self) { try await reconciler.beginEnforcing() }
        let observing = try fixture.reconciler("mode: observe", stateDirectory: "other")
        await #expect(throws: SyncError.self) { try await observing.beginEnforcing() }
    }
}
