import ConfigAPI
import Declarations
import Foundation
import Reconciliation
@testable import SyncDaemon
import Telemetry
import TestSupport
import Testing

private let edited: JSONValue = ["dataset": "metrics", "keep": "1d"]

// Shows F-GO-15
@Suite struct OrderTests {
    /// A repository with two commits and a reconciler that enforces the second.
    private func started() async throws -> (SyncFixture, Reconciler, first: String, second: String) {
        let fixture = try await SyncFixture()
        let first = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let second = try await fixture.repository.commit(["r.yaml": retentionText("40d"), "g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        #expect(await reconciler.run(.startup, fetches: true).outcome == .applied)
        return (fixture, reconciler, first, second)
    }

    // MARK: Suspend

    @Test func whileSuspendedNothingIsWrittenAndDriftIsStillReported() async throws {
        let (fixture, reconciler, _, second) = try await started()
        _ = try await reconciler.order(.suspend(reason: "maintenance"), by: "alice")
        await fixture.target.edit(retention, edited)
        let third = try await fixture.repository.commit(["r.yaml": retentionText("50d")])
        let patches = await fixture.target.patches.count
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(report.changes.map(\.result) == [.reported])
        #expect(report.changes.first?.changedBy?.who == "alice")
        #expect(report.commit?.id == second)
        #expect(report.waitingCommit?.id == third)
        #expect(report.enforcement?.suspension?.reason == "maintenance")
        #expect(report.text(.plain).contains("suspended by alice at "))
        #expect(await fixture.target.patches.count == patches)
        #expect(await fixture.target.spec(retention) == edited)
        _ = try await reconciler.order(.resume, by: "bob")
        let resumed = await reconciler.run(.manual, fetches: false)
        #expect(resumed.outcome == .corrected)
        #expect(resumed.commit?.id == third)
        #expect(resumed.enforcement == nil)
        #expect(await fixture.target.spec(retention)?["keep"] == "50d")
    }

    @Test func aSuspensionSurvivesARestartAndTheLossOfTheStateDirectory() async throws {
        let (fixture, reconciler, _, _) = try await started()
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        await fixture.target.edit(retention, edited)
        #expect(await (try fixture.reconciler()).run(.startup, fetches: true).outcome == .drifted)
        await fixture.target.loseLease()
        let fresh = try fixture.reconciler(stateDirectory: "other")
        let report = await fresh.run(.startup, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(report.enforcement?.suspension?.by == "alice")
        #expect(await fixture.target.spec(retention) == edited)
    }

    @Test func aServerThatWasAwayLearnsOfItLater() async throws {
        let (fixture, reconciler, _, _) = try await started()
        await fixture.target.set(isDown: true)
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        #expect(await fixture.target.enforcement == nil)
        await fixture.target.set(isDown: false)
        _ = await reconciler.run(.timer, fetches: false)
        #expect(await fixture.target.enforcement?["suspended"]?["by"] == "alice")
    }

    @Test func anOrderComesAfterThoseThatOnlyTheServerRemembers() async throws {
        let (fixture, reconciler, _, _) = try await started()
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        _ = try await reconciler.order(.resume, by: "alice")
        try FileManager.default.removeItem(atPath: fixture.folder("state/enforcement.json"))
        let restarted = try fixture.reconciler()
        _ = try await restarted.order(.suspend(reason: nil), by: "bob")
        await fixture.target.edit(retention, edited)
        #expect(await restarted.run(.startup, fetches: false).enforcement?.suspension?.by == "bob")
        #expect(await fixture.target.enforcement?["suspended"]?["by"] == "bob")
        #expect(await fixture.target.spec(retention) == edited)
    }

    @Test func whatTheServerCouldOnlyTellLateIsHeededBeforeAnythingIsWritten() async throws {
        let (fixture, reconciler, _, _) = try await started()
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        await fixture.target.edit(retention, edited)
        try FileManager.default.removeItem(atPath: fixture.folder("state/enforcement.json"))
        await fixture.target.missLeases(1)
        let restarted = try fixture.reconciler()
        #expect(await restarted.run(.startup, fetches: false).outcome == .incomplete)
        #expect(await fixture.target.spec(retention) == edited)
        #expect(await restarted.run(.timer, fetches: false).outcome == .drifted)
        #expect(await fixture.target.spec(retention) == edited)
    }

    @Test func anOrderStopsTheRunThatIsUnderWay() async throws {
        let (fixture, reconciler, _, _) = try await started()
        await fixture.target.edit(retention, edited)
        await fixture.target.onLease { [target = fixture.target] in
            await target.onLease(nil)
            _ = try? await reconciler.order(.suspend(reason: nil), by: "alice")
        }
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .incomplete)
        #expect(report.changes.map(\.result) == [.unverified])
        #expect(await fixture.target.spec(retention) == edited)
    }

    @Test func aWriteThatGotNoAnswerIsNotSentAgainOnceSuspended() async throws {
        let (fixture, reconciler, _, _) = try await started()
        await fixture.target.edit(retention, edited)
        let patches = await fixture.target.patches.count
        await fixture.target.missNextPatch {
            _ = try? await reconciler.order(.suspend(reason: nil), by: "alice")
        }
        #expect(await reconciler.run(.timer, fetches: false).outcome == .incomplete)
        #expect(await fixture.target.patches.count == patches)
        #expect(await fixture.target.spec(retention) == edited)
    }

    @Test func suspendedBeforeAFirstCommitNothingIsSaidToBeInSync() async throws {
        let fixture = try await SyncFixture()
        let first = try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(report.waitingCommit?.id == first)
        #expect(await fixture.target.patches.isEmpty)
    }

    @Test func anUnreadableFileOfOrdersIsNotTakenForNone() async throws {
        let (fixture, _, _, _) = try await started()
        try Data("{".utf8).write(to: URL(fileURLWithPath: fixture.folder("state/enforcement.json")))
        #expect(throws: (any Error).self) { try fixture.reconciler() }
    }

    // MARK: Pin

    @Test func anOlderCommitIsHeldAndTheHeadWaitsUntilUnpin() async throws {
        let (fixture, reconciler, first, second) = try await started()
        _ = try await reconciler.order(
            .pin(revision: first, permissions: [.retention], reason: "bad alerts"), by: "alice")
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.commit?.id == first)
        #expect(report.waitingCommit?.id == second)
        #expect(report.outcome == .applied)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        #expect(await fixture.target.spec(group) == nil)
        await fixture.target.edit(retention, edited)
        let drift = await reconciler.run(.timer, fetches: false)
        #expect(drift.outcome == .corrected)
        #expect(drift.changes.map(\.causes) == [[.drift]])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        let third = try await fixture.repository.commit(["r.yaml": retentionText("50d")])
        let waiting = await reconciler.run(.timer, fetches: true)
        #expect(waiting.outcome == .inSync)
        #expect(waiting.waitingCommit?.id == third)
        _ = try await reconciler.order(.unpin, by: "alice")
        #expect(await reconciler.run(.manual, fetches: false).commit?.id == third)
        #expect(await fixture.target.spec(retention)?["keep"] == "50d")
        #expect(await fixture.target.spec(group) != nil)
    }

    @Test func aCommitAheadIsAcceptedAndNoneAfterIt() async throws {
        let (fixture, reconciler, _, _) = try await started()
        _ = try await reconciler.order(.suspend(reason: nil), by: "alice")
        let third = try await fixture.repository.commit(["r.yaml": retentionText("50d")])
        let fourth = try await fixture.repository.commit(["r.yaml": retentionText("60d")])
        _ = await reconciler.run(.timer, fetches: true)
        _ = try await reconciler.order(.pin(revision: third, permissions: [], reason: nil), by: "alice")
        #expect(await reconciler.run(.manual, fetches: false).waitingCommit?.id == fourth)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
        _ = try await reconciler.order(.resume, by: "alice")
        let report = await reconciler.run(.manual, fetches: false)
        #expect(report.commit?.id == third)
        #expect(report.waitingCommit?.id == fourth)
        #expect(await fixture.target.spec(retention)?["keep"] == "50d")
        #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync)
    }

    @Test func goingBackTooFarNeedsAPermissionOfThePin() async throws {
        let fixture = try await SyncFixture()
        let first = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let second = try await fixture.repository.commit(
            Dictionary(uniqueKeysWithValues: (0..<4).map { ("g\($0).yaml", groupText("g\($0)")) }))
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = try await reconciler.order(.pin(revision: first, permissions: [], reason: nil), by: "alice")
        let refused = await reconciler.run(.manual, fetches: false)
        #expect(refused.outcome == .refused)
        #expect(refused.refusals.map(\.guardName) == [.prune])
        #expect(refused.commit?.id == second)
        #expect(await fixture.target.store.snapshot.resources.count == 5)
        _ = try await reconciler.order(.pin(revision: first, permissions: [.prune], reason: nil), by: "alice")
        #expect(await reconciler.run(.manual, fetches: false).outcome == .applied)
        #expect(await fixture.target.store.snapshot.resources.count == 1)
    }

    @Test func aCommitThatCannotBeHeldIsRefusedInWords() async throws {
        let (fixture, reconciler, _, _) = try await started()
        let broken = try await fixture.repository.commit(["r.yaml": retentionText("30d") + "\n  kep: 2d\n"])
        try await fixture.repository.git("checkout", "-q", "-b", "other", "HEAD~2")
        let aside = try await fixture.repository.commitLocally(["r.yaml": retentionText("5d")])
        try await fixture.repository.git("push", "-q", "origin", "other")
        _ = await reconciler.run(.timer, fetches: true)
        let cases = [(broken, "r.yaml:9:3: unknown field"), (aside, ""), ("nonsense", "nonsense")]
        for (revision, words) in cases {
            let error = await #expect(throws: SyncError.self) {
                try await reconciler.order(.pin(revision: revision, permissions: [], reason: nil), by: "alice")
            }
            #expect(error?.description.contains(words) ?? false || words.isEmpty, "\(error as Any)")
        }
        #expect(await reconciler.run(.timer, fetches: false).enforcement == nil)
    }

    // MARK: Tolerate

    @Test func aToleratedChangeStaysUntilItsTimeIsUp() async throws {
        let clock = MovableClock()
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d"), "g.yaml": groupText()])
        let reconciler = try fixture.reconciler(now: { clock.now })
        _ = await reconciler.run(.startup, fetches: true)
        _ = try await reconciler.order(
            .tolerate(resource: "Retention/metrics", span: .hours(2), reason: "incident 7"), by: "alice")
        await fixture.target.edit(retention, edited)
        await fixture.target.edit(group, ["hosts": ["web-9"]])
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .corrected)
        #expect(report.changes.map(\.result) == [.applied, .tolerated])
        #expect(report.declaredDigest == report.liveDigest)
        #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync)
        #expect(await fixture.target.spec(retention) == edited)
        clock.advance(.hours(2))
        let ended = await reconciler.run(.timer, fetches: false)
        #expect(ended.outcome == .corrected)
        #expect(ended.enforcement == nil)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        let entry = ended.drift.first { $0.subject.name == "metrics" }
        #expect(entry?.state == .healed)
        #expect(entry?.healSeconds ?? 0 >= 7200)
    }

    @Test func onlyWhatIsEnforcedCanBeTolerated() async throws {
        let (_, reconciler, _, _) = try await started()
        let wrong = [
            (
                "Retention/metric",
                "neither declared nor was it ever applied, so nothing corrects it; there are Retention/metrics"
            ),
            ("Retentoin/metrics", "names no resource; expected KIND/NAME"),
        ]
        for (resource, words) in wrong {
            let error = await #expect(throws: SyncError.self) {
                try await reconciler.order(.tolerate(resource: resource, span: .hours(1), reason: "x"), by: "alice")
            }
            #expect(error?.description.contains(words) == true, "\(error as Any)")
        }
    }

    // MARK: Contested

    @Test func aFieldThatSomebodyKeepsChangingIsCorrectedLessAndLessOften() async throws {
        let clock = MovableClock()
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler(now: { clock.now })
        _ = await reconciler.run(.startup, fetches: true)
        var outcomes: [RunOutcome] = []
        for _ in 0..<40 {
            await fixture.target.edit(retention, edited)
            outcomes.append(await reconciler.run(.event, fetches: false).outcome)
            clock.advance(.seconds(5))
        }
        #expect(outcomes.prefix(4) == [.corrected, .corrected, .corrected, .drifted])
        #expect(outcomes.count { $0 == .corrected } < 10)
        #expect(outcomes.dropFirst(20).contains(.corrected))
        let report = await reconciler.run(.event, fetches: false)
        #expect(report.contested.map(\.paths) == [["/keep"]])
        #expect(report.contested.first?.writers.map(\.who) == ["alice"])
        #expect(
            report.text(.plain).contains("contested: Retention/metrics /keep: alice via sql and gitops-sync (commit "))
        // The history outlives a restart.
        await fixture.target.edit(retention, edited)
        let restarted = try fixture.reconciler(now: { clock.now })
        #expect(await restarted.run(.startup, fetches: false).changes.map(\.result) == [.contested])
    }

    // MARK: The ledger

    @Test func everyDriftIsAnEntryThatTheServerGetsOnce() async throws {
        let (fixture, reconciler, _, _) = try await started()
        await fixture.target.edit(retention, edited)
        let report = await reconciler.run(.event, fetches: false)
        let entry = try #require(report.drift.first)
        #expect(report.drift.count == 1)
        #expect(entry.state == .healed)
        #expect(entry.changedBy.who == "alice")
        #expect(entry.paths == ["/keep"])
        #expect(await fixture.target.reports.last?["drift"]?.array?.count == 1)
        #expect(await reconciler.run(.timer, fetches: false).drift.isEmpty)
        let kept = try ReportLog.newestDrift(10, in: StateDirectory(fixture.folder("state")))
        #expect(kept == [entry])
    }

    @Test func entriesThatTheServerHasNotGotComeWithLaterReportsAlsoAfterARestart() async throws {
        let fixture = try await SyncFixture(hasProxy: true)
        try await fixture.repository.commit(["p.yaml": pipelineText()])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        let spec = try #require(await fixture.proxy.spec(pipeline))
        await fixture.target.set(isDown: true)
        await fixture.proxy.edit(
            pipeline, .object((spec.object ?? [:]).merging(["batchSize": 7]) { $1 }), by: "bob", via: .api)
        let report = await (try fixture.reconciler()).run(.event, fetches: false)
        #expect(report.drift.map(\.state) == [.healed])
        await fixture.target.set(isDown: false)
        let next = await (try fixture.reconciler()).run(.timer, fetches: false)
        #expect(next.drift.map(\.changedBy.who) == ["bob"])
        #expect(await fixture.target.reports.last?["drift"]?.array?.count == 1)
    }
}
