import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
@testable import SyncDaemon
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Branches that are planned and never enforced.
@Suite struct PreviewTests {
    private let fixture: SyncFixture

    init() async throws {
        fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
    }

    /// Commits files on a branch of its own, which begins at the main branch, and goes back to that.
    @discardableResult
    private func branch(_ name: String, _ files: [String: String?], message: String = "Try it") async throws -> String {
        try await fixture.repository.git("checkout", "-q", "-B", name, "main")
        let id: String = try await fixture.repository.commitLocally(files, message: message)
        try await fixture.repository.push(force: true)
        try await fixture.repository.git("checkout", "-q", "main")
        return id
    }

    // MARK: Plans

    // Shows F-GO-15
    @Test func aBranchIsPlannedAgainstWhatIsLiveAndNothingIsChanged() async throws {
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        let id = try await branch("plan/groups", ["g.yaml": groupText()])
        let planner = try fixture.reconciler(stateDirectory: "state")
        let report = try await planner.preview(.branch("plan/groups")).report
        #expect(report.commit?.id == id)
        #expect(report.changes.map(\.action) == [.create])
        #expect(report.changes.map(\.result) == [.planned])
        #expect(report.notices.isEmpty)
        #expect(await fixture.target.patches.count == 1)

        // A branch that moved is fetched anew.
        try await branch("plan/groups", ["g.yaml": groupText(), "h.yaml": groupText("db")])
        #expect(try await planner.preview(.revision("plan/groups")).report.changes.count == 2)
        #expect(try await planner.preview(.newest).report.changes.isEmpty)
        await #expect(throws: SyncError.self) { try await planner.preview(.branch("plan/absent")) }
    }

    @Test func aBranchThatLagsIsPlannedAndSaysSo() async throws {
        try await branch("plan/old", ["g.yaml": groupText()])
        try await fixture.repository.commit(["h.yaml": groupText("db")])
        _ = await (try fixture.reconciler()).run(.startup, fetches: true)
        let report = try await (try fixture.reconciler()).preview(.branch("plan/old")).report
        #expect(report.changes.map(\.action) == [.create, .delete])
        #expect(report.notices.first?.contains("also takes back what came there since; rebase it") == true)
        #expect(report.refusals.isEmpty)
    }

    // Shows F-GO-12
    @Test func aStrangersBranchShowsItsPlanAndThatItWouldBeRefused() async throws {
        let signer = try TestSigner()
        let key = try await signer.sshKey("ada")
        let allowed = try signer.write(["ada@example.org \(key)"], to: "allowed")
        let trust = "trust: {verify: ssh, allowedSigners: \(allowed)}"
        try await fixture.repository.commit(["r.yaml": retentionText("31d")], settings: signer.sshSettings("ada"))
        let accepted = await (try fixture.reconciler(trust)).run(.startup, fetches: true).commit?.id
        try await branch("plan/evil", ["r.yaml": nil, "g.yaml": groupText()])
        let report = try await (try fixture.reconciler(trust)).preview(.branch("plan/evil")).report
        #expect(report.refusals.map(\.guardName) == [.signature, .retention])
        #expect(report.changes.map(\.name) == ["web", "metrics"])
        let after = await (try fixture.reconciler(trust)).run(.timer, fetches: true)
        #expect(after.outcome == .inSync)
        #expect(after.commit?.id == accepted)
    }

    // MARK: Rounds

    private let health = SyncHealth(patience: .minutes(1), registry: MetricsRegistry())

    private func service(
        _ names: [String], plan: @escaping @Sendable (String) async -> PlannedBranch, now: @escaping WallClock,
        accepted: @escaping @Sendable () -> String? = { "c1" },
        notes: FailureNotes? = nil, sent: @escaping @Sendable (PreviewSet) throws -> Void = { _ in }
    ) throws -> PreviewService {
        let head = try #require(ObjectID(hex: String(repeating: "ab", count: 20)))
        let branches = names.map { RemoteBranch(name: $0, head: head) }
        let configuration = try fixture.configuration("previews: [\"plan/*\"]")
        try StateDirectory(configuration.stateDirectory).create()
        return PreviewService(
            configuration,
            .init(
                branches: { branches }, plan: plan, acceptedCommit: accepted, send: { try sent($0) }, now: now),
            notes: try notes ?? FailureNotes(health: health, reconciler: fixture.reconciler()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func report() -> RunReport {
        RunReport(
            id: "x", host: "h", trigger: .manual, mode: .enforce, startedAt: Timestamp(milliseconds: 0),
            repository: "r", branch: "main")
    }

    // Shows F-GO-16
    @Test func onlyWhatMovedIsPlannedAgainAndOnlyWhatIsNamedIsPlannedAtAll() async throws {
        let planned = Mutex<[String]>([])
        let time = Mutex(Timestamp(milliseconds: 1_700_000_000_000))
        let accepted = Mutex("c1")
        let sent = Mutex<[PreviewSet]>([])
        let plan: RunReport = report()
        let service = try service(
            ["feature", "main", "plan/a", "plan/b"],
            plan: { name in
                planned.withLock { $0.append(name) }
                return PlannedBranch(report: plan, error: nil)
            }, now: { time.withLock { $0 } }, accepted: { accepted.withLock { $0 } },
            sent: { set in sent.withLock { $0.append(set) } })

        await service.round()
        #expect(planned.withLock { $0 } == ["plan/a", "plan/b"])
        await service.round()
        #expect(planned.withLock(\.count) == 2)
        accepted.withLock { $0 = "c2" }
        await service.round()
        #expect(planned.withLock(\.count) == 4)
        time.withLock { $0 = $0 + PreviewSelection.longestLife }
        await service.round()
        #expect(planned.withLock(\.count) == 6)
        #expect(sent.withLock(\.count) == 3)
        let kept = try StateDirectory(fixture.configuration().stateDirectory).readPreviews()
        #expect(kept.previews.map(\.branch) == ["plan/a", "plan/b"])
        #expect(kept.previews.map(\.verdict) == [.nothing, .nothing])
    }

    @Test func whatFailsIsKeptAsSuchAndTriedAgain() async throws {
        let attempts = Mutex(0)
        let service = try service(
            ["plan/a"],
            plan: { _ in
                attempts.withLock { $0 += 1 }
                return PlannedBranch(report: nil, error: "planning took longer")
            }, now: { Timestamp(milliseconds: 0) })
        await service.round()
        await service.round()
        #expect(attempts.withLock { $0 } == 2)
        let kept = try StateDirectory(fixture.configuration().stateDirectory).readPreviews()
        #expect(kept.previews.map(\.verdict) == [.failed])
        #expect(kept.previews.map(\.error) == ["planning took longer"])
    }

    @Test func whatTheServerMissedIsSentAgain() async throws {
        let attempts = Mutex(0)
        let plan: RunReport = report()
        let service = try service(
            ["plan/a"], plan: { _ in PlannedBranch(report: plan, error: nil) },
            now: { Timestamp(milliseconds: 0) },
            sent: { _ in
                let isFirst: Bool = attempts.withLock { count in
                    count += 1
                    return count == 1
                }
                if isFirst { throw TestSupportError("the server is away") }
            })
        for _ in 0..<3 { await service.round() }
        #expect(attempts.withLock { $0 } == 2)
    }

    @Test func aRoundThatFailsIsCountedAndTheNextReportSaysItOnce() async throws {
        let reconciler = try fixture.reconciler()
        let isAway = Mutex(true)
        let service = try service(
            [], plan: { _ in PlannedBranch(report: nil, error: nil) }, now: { Timestamp(milliseconds: 0) },
            notes: FailureNotes(health: health, reconciler: reconciler),
            sent: { _ in if isAway.withLock({ $0 }) { throw TestSupportError("the server is away") } })
        let line = "previews are not brought up to date: the server is away"
        await service.round()
        #expect(await reconciler.run(.startup, fetches: true).errors == [line])
        await service.round()
        #expect(await reconciler.run(.timer, fetches: false).errors.isEmpty)
        #expect(health.exposition.contains("gitops_sync_failures_total{kind=\"previews\"} 2\n"))
        isAway.withLock { $0 = false }
        await service.round()
        #expect(health.exposition.contains("gitops_sync_failures_total{kind=\"previews\"} 2\n"))
    }

    @Test func thereIsALimitAndItIsSaid() throws {
        let head = try #require(ObjectID(hex: String(repeating: "ab", count: 20)))
        let all = (0..<30).map { RemoteBranch(name: "plan/\($0 + 10)", head: head) }
        let selection = PreviewSelection(of: all.reversed(), matching: ["plan/*", "main"], enforced: "main")
        #expect(selection.branches.count == PreviewSelection.mostBranches)
        #expect(selection.branches.first?.name == "plan/10")
        #expect(selection.leftOff == (30..<40).map { "plan/\($0)" })
    }

    // MARK: The program

    @Test func aPlanOfABranchIsMadeApartFromTheDaemonsRepositoryAndCanBeShownLater() async throws {
        try await branch("plan/broken", ["g.yaml": groupText(hosts: "12")])
        let config = try fixture.folder.write(
            """
            repository: {url: \(fixture.repository.url)}
            server: {url: "http://127.0.0.1:1"}
            previews: ["plan/*"]
            stateDirectory: \(fixture.folder("state"))
            controlSocket: \(fixture.folder("control.sock"))
            """, to: "sync.yaml")
        let plan = try await gitopsSync("plan", "--config", config, "--branch", "plan/broken", "--output", "json")
        #expect(plan.status == 1)
        let report = try RunReport(parsing: Array(plan.output.utf8))
        #expect(report.problems.map(\.file) == ["g.yaml"])
        let store: String = fixture.folder("state/previews/repository.git")
        #expect(try await TestGitRepository.git(["rev-parse", "HEAD"], in: store) == report.commit?.id)
        #expect(try await gitopsSync("previews", "--config", config).output == "no branch was planned yet\n")
        #expect(try await gitopsSync("plan", "--config", config, "--preview", "plan/broken").status == 1)
        #expect(try await gitopsSync("plan", "--config", config, "--preview", "a", "--rev", "b").status == 64)

        let set = PreviewSet(previews: [
            BranchPreview(
                branch: "plan/broken", head: report.commit?.id ?? "", acceptedCommit: nil,
                plannedAt: Timestamp(milliseconds: 1_700_000_000_000), report: report)
        ])
        try fixture.folder.write(set.json.canonicalText, to: "state/previews.json")
        let shown = try await gitopsSync("plan", "--config", config, "--preview", "plan/broken")
        #expect(shown.status == 1)
        #expect(shown.output.contains("g.yaml:6:10: "), "\(shown.output)")
        let list = try await gitopsSync("previews", "--config", config)
        #expect(list.output.contains("plan/broken  invalid"))
    }
}
