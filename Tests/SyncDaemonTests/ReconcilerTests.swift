import ConfigAPI
import Declarations
import Reconciliation
import Runtime
import Synchronization
import SyncDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct ReconcilerTests {
    // Shows F-GO-05
    @Test func aCommitIsAppliedOnceAndThenInSync() async throws {
        let fixture = try await SyncFixture()
        let id = try await fixture.repository.commit(
            ["retention.yaml": retentionText("30d"), "groups/web.yaml": groupText()], message: "First")
        let reconciler = try fixture.reconciler()
        let first = await reconciler.run(.startup, fetches: true)
        #expect(first.outcome == .applied)
        #expect(first.commit?.id == id)
        #expect(first.changes.map(\.result) == [.applied, .applied])
        #expect(first.declaredDigest == first.liveDigest)
        let stored = await fixture.target.resource(retention)
        #expect(stored?.owner == "gitops-sync")
        #expect(stored?.applied?.revision == id)
        #expect(stored?.source?.commit == id)
        #expect(stored?.source?.subject == "First")
        #expect(await fixture.target.patches.count == 1)
        let second = await reconciler.run(.timer, fetches: true)
        #expect(second.outcome == .inSync)
        #expect(second.changes.isEmpty)
        #expect(await fixture.target.patches.count == 1)
    }

    // Shows F-GO-06
    @Test func driftIsCorrectedAlthoughGitDidNotMoveAndSaysWhoDidIt() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .corrected)
        let change = try #require(report.changes.first)
        #expect(change.causes == [.drift])
        #expect(change.fields == [FieldChange(path: "/keep", declared: "30d", live: "1d")])
        #expect(change.changedBy?.who == "alice")
        #expect(change.changedBy?.via == .sql)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func aResourceThatSomebodyDeletedComesBackWithTheNameOfWhoDid() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.edit(retention, nil, by: "mallory", via: .api)
        let change = try #require(await reconciler.run(.timer, fetches: false).changes.first)
        #expect(change.action == .create)
        #expect(change.causes == [.drift])
        #expect(change.changedBy?.who == "mallory")
        #expect(await fixture.target.resource(retention)?.owner == "gitops-sync")
    }

    // Shows F-GO-09
    @Test func aBrokenCommitIsRefusedWhileTheLastGoodOneStaysEnforced() async throws {
        let fixture = try await SyncFixture()
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        let bad = try await fixture.repository.commit([
            "r.yaml": retentionText("30d") + "\n  kep: 2d\n", "g.yaml": groupText(hosts: "12"),
        ])
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.commit?.id == good)
        #expect(report.refusedCommit?.id == bad)
        #expect(report.problems.map(\.file) == ["g.yaml", "r.yaml"])
        #expect(report.problems.last?.mark == Mark(line: 9, column: 3))
        #expect(report.changes.map(\.result) == [.applied])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        let mended = try await fixture.repository.commit(["r.yaml": retentionText("40d"), "g.yaml": groupText()])
        let recovered = await reconciler.run(.timer, fetches: true)
        #expect(recovered.outcome == .applied)
        #expect(recovered.commit?.id == mended)
        #expect(recovered.previousCommit == good)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    @Test func observingReportsAndChangesNothing() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let report = await (try fixture.reconciler("mode: observe")).run(.startup, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(report.changes.map(\.result) == [.reported])
        #expect(await fixture.target.spec(retention) == nil)
    }

    /// Guards judge a commit when it is to be enforced, and not when somebody looked on.
    @Test func whatWasObservedIsJudgedWhenItIsEnforced() async throws {
        let fixture = try await SyncFixture()
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        try await fixture.repository.commit(["r.yaml": retentionText("7d")])
        let observed = await (try fixture.reconciler("mode: observe")).run(.startup, fetches: true)
        #expect(observed.commit?.id == good)
        #expect(observed.changes.map(\.result) == [.reported])
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.refusals.map(\.guardName) == [.retention])
        #expect(report.commit?.id == good)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func driftThatIsOnlyToBeReportedIsLeft() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d", annotations: "plumbline/drift: report")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .drifted)
        #expect(await fixture.target.spec(retention)?["keep"] == "1d")
    }

    // Shows F-GO-01
    @Test func rewrittenHistoryIsRefusedUntilAPersonAcceptsIt() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let good = try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        let rewritten = try await fixture.repository.commitLocally(["r.yaml": retentionText("50d")])
        try await fixture.repository.push(force: true)
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.refusals.map(\.guardName) == [.rewrittenHistory])
        #expect(report.commit?.id == good)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
        #expect(try await reconciler.permitRewrite(rewritten, reason: "cleaned up") == rewritten)
        #expect(await reconciler.run(.manual, fetches: true).outcome == .applied)
        #expect(await fixture.target.spec(retention)?["keep"] == "50d")
    }

    @Test func aLostStateDirectoryStillKnowsTheHistoryFromTheServer() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let good = try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        try await fixture.repository.commitLocally(["r.yaml": retentionText("50d")])
        try await fixture.repository.push(force: true)
        await fixture.target.loseLease()
        let fresh = try fixture.reconciler(stateDirectory: "other")
        let report = await fresh.run(.startup, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.refusals.first?.message.contains(good.prefix(10)) == true)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    @Test func aHistoryThatTheServerCouldOnlyTellLateStillCounts() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        try await fixture.repository.commitLocally(["r.yaml": retentionText("50d")])
        try await fixture.repository.push(force: true)
        await fixture.target.loseLease()
        await fixture.target.missLeases(1)
        let fresh = try fixture.reconciler(stateDirectory: "other")
        #expect(await fresh.run(.startup, fetches: true).outcome == .incomplete)
        let report = await fresh.run(.timer, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.refusals.map(\.guardName) == [.rewrittenHistory])
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    @Test func aServerThatIsAwayIsUnknownAndGetsItsReportsLater() async throws {
        let fixture = try await SyncFixture()
        let id = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        await fixture.target.set(isDown: true)
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .incomplete)
        #expect(report.commit == nil)
        #expect(report.targets.map(\.state) == [.unknown, .unknown])
        #expect(report.changes.isEmpty)
        await fixture.target.set(isDown: false)
        let next = await reconciler.run(.timer, fetches: false)
        #expect(next.outcome == .applied)
        #expect(next.commit?.id == id)
        #expect(await fixture.target.reports.map { $0["id"] } == [.string(report.id), .string(next.id)])
    }

    @Test(arguments: ["100ms", "1h"])
    func anyDriftIntervalAsksForALeaseThatTheServerGrants(interval: String) async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler("drift:\n  interval: \(interval)")
        #expect(await reconciler.run(.startup, fetches: true).outcome == .applied)
    }

    // Shows F-GO-09
    @Test func theLastGoodCommitIsEnforcedAfterARestartWithoutTheRemote() async throws {
        let fixture = try await SyncFixture()
        let id = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let restarted = try fixture.reconciler(url: fixture.folder("nowhere.git"))
        let report = await restarted.run(.startup, fetches: true)
        #expect(report.commit?.id == id)
        #expect(report.changes.map(\.result) == [.applied])
        #expect(report.outcome == .incomplete)
        #expect(report.errors.count == 1)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        let next = await restarted.run(.timer, fetches: false)
        #expect(next.outcome == .inSync)
    }

    @Test func aStoreThatMovesInBetweenIsPlannedForAfreshInTheSameRun() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        await fixture.target.onPatch { target in
            guard target.patches.isEmpty else { return }
            target.edit(group, ["hosts": ["web-9"]])
        }
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.outcome == .applied)
        #expect(report.foreign == ["HostGroup/web"])
        #expect(await fixture.target.patches.count == 2)
    }

    @Test func aLostAnswerIsNoConflict() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        await fixture.target.loseNextAnswer()
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.outcome == .applied)
        #expect(Set(await fixture.target.patches.map(\.requestId)).count == 1)
    }

    @Test func whatTheServerRefusesIsRefusedAtItsPlaceAndTheLastGoodCommitStays() async throws {
        let fixture = try await SyncFixture()
        let good = try await fixture.repository.commit(["g.yaml": groupText()])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        await fixture.target.set(refused: retention)
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.commit?.id == good)
        #expect(report.problems.first?.file == "r.yaml")
        #expect(report.problems.first?.message == "the server refuses it: /keep: no such thing here")
        let patches = await fixture.target.patches.count
        _ = await reconciler.run(.timer, fetches: false)
        #expect(await fixture.target.patches.count == patches)
        await fixture.target.set(refused: nil)
        #expect(await reconciler.run(.timer, fetches: true).outcome == .applied)
    }

    // Shows F-GO-10
    @Test func tooManyDeletionsNeedTheTrailer() async throws {
        let fixture = try await SyncFixture()
        let names = (0..<8).map { "g\($0)" }
        try await fixture.repository.commit(
            Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", groupText($0)) }))
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        let removal: [String: String?] = Dictionary(uniqueKeysWithValues: names.prefix(4).map { ("\($0).yaml", nil) })
        try await fixture.repository.commit(removal)
        let refused = await reconciler.run(.timer, fetches: true)
        #expect(refused.outcome == .refused)
        #expect(refused.refusals.map(\.guardName) == [.prune])
        #expect(await fixture.target.store.snapshot.resources.count == 8)
        try await fixture.repository.commit([:], message: "Yes, really\n\nPlumbline-Allow: prune")
        let allowed = await reconciler.run(.timer, fetches: true)
        #expect(allowed.outcome == .applied)
        #expect(allowed.permissions == [.prune])
        #expect(await fixture.target.store.snapshot.resources.count == 4)
    }

    // Shows F-GO-10
    @Test func whoIsKilledBehindADeletionHasCountedIt() async throws {
        let fixture = try await SyncFixture()
        let names = (0..<8).map { "g\($0)" }
        try await fixture.repository.commit(
            Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", groupText($0)) }))
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        let removal: [String: String?] = Dictionary(uniqueKeysWithValues: names.prefix(3).map { ("\($0).yaml", nil) })
        try await fixture.repository.commit(removal)
        let counted = Mutex(0)
        let directory = StateDirectory(fixture.folder("state"))
        await fixture.target.onPatch { _ in
            let state: SyncState? = try? directory.readState()
            counted.withLock { $0 = state?.deletions.count ?? 0 }
        }
        #expect(await reconciler.run(.timer, fetches: true).outcome == .applied)
        #expect(counted.withLock { $0 } == 3)
        // What was refused is not counted.
        await fixture.target.onPatch(nil)
        await fixture.target.set(refused: ResourceKey(.hostGroup, "g7"))
        try await fixture.repository.commit(
            ["g3.yaml": nil, "g7.yaml": groupText("g7", hosts: "[web-2]")], message: "More\n\nPlumbline-Allow: prune")
        _ = await reconciler.run(.timer, fetches: true)
        #expect(try directory.readState().deletions.count == 3)
    }

    // Shows F-GO-14
    @Test func anEditedFileOfAnAgentIsSetRight() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.set(agents: [editedAgent()])
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .corrected)
        let change = try #require(report.changes.first)
        #expect(change.target == .agents)
        #expect(change.host == "web-1")
        #expect(change.action == .delete)
        #expect(change.changedBy?.via == .file)
        #expect(await fixture.target.resyncs == [AgentResync(hosts: ["web-1"], resources: ["Collector/extra"])])
    }

    /// Nobody waits for a host to become right that was changed again meanwhile: that is for the next run.
    @Test(.timeLimit(.minutes(1))) func aFileThatIsEditedAgainAtOnceHoldsUpNoRun() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler("verify: {timeout: 4m}\ncycle: {timeout: 10m}")
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.set(agents: [editedAgent()])
        await fixture.target.set(agentsAfterResync: [editedAgent(at: .now() + .seconds(1))])
        #expect(await reconciler.run(.event, fetches: false).outcome == .drifted)
        await fixture.target.set(agentsAfterResync: nil)
        #expect(await reconciler.run(.event, fetches: false).outcome == .corrected)
        #expect(await fixture.target.resyncs.count == 2)
    }

    @Test func aChangedRetentionNamesThePartitionsThatWouldGo() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.changes.first?.evidence.first?.contains("frames_2026_01_01") == true)
        #expect(report.text(.plain).contains("would go: frames_2026_01_01"))
    }

    // Shows F-GO-11
    @Test func theLeaseOutlivesARestartAndKeepsAnotherReconcilerOut() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let stranger = await (try fixture.reconciler(stateDirectory: "other")).run(.startup, fetches: true)
        #expect(stranger.outcome == .failed)
        #expect(stranger.errors.first?.contains("another process holds the lease") == true)
        #expect(await fixture.target.spec(retention)?["keep"] == "1d")
        let restarted = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(restarted.outcome == .corrected)
    }

    @Test func planningChangesNothingAndDriftLooksAtTheAcceptedCommit() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        let plan = try await (try fixture.reconciler()).preview(.newest)
        #expect(plan.report.changes.map(\.result) == [.planned])
        #expect(plan.report.changes.first?.causes == [.commit])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        #expect(try await (try fixture.reconciler()).drift().report.changes.isEmpty)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        #expect(try await (try fixture.reconciler()).drift().report.changes.map(\.causes) == [[.drift]])
    }
}

private func editedAgent(at time: Timestamp = .now()) -> AgentView {
    let extra: JSONValue = ["source": "cpu", "interval": "5s"]
    let status = AgentStatus(
        host: "web-1", agentId: "a", bootId: "b", version: "1",
        running: .init(
            storeId: nil, generation: nil, digest: "edited",
            resources: [.init(kind: "Collector", name: "extra", spec: extra, digest: "x", state: .running)]),
        file: .init(digest: "edited", receivedDigest: "empty", changedAt: time, owner: "root"),
        clockOffsetMilliseconds: nil, facts: [:])
    return AgentView(
        host: "web-1", lastSeen: .now(), isFresh: true,
        expected: AgentConfig(storeId: "store-1", generation: 1, digest: "empty", resources: []),
        expectedSince: .now(), status: status)
}
