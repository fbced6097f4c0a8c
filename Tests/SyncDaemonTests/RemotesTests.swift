import Declarations
import Reconciliation
import SyncDaemon
import TestSupport
import Testing

/// A reconciler that may read git in several places.
@Suite struct RemotesTests {
    private func reconciler(_ fixture: SyncFixture, _ urls: String...) throws -> Reconciler {
        try fixture.reconciler("fetch: {timeout: 4s}", url: "[\(urls.joined(separator: ", "))]")
    }

    // Shows F-GO-01
    @Test func theOneThatAnswersIsInTheReportAndTheOtherIsNoError() async throws {
        let fixture = try await SyncFixture()
        let id = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let hole = try LocalListener.blackHole()
        let reconciler = try reconciler(fixture, "git://127.0.0.1:\(hole.port)/x", fixture.repository.url)
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .applied)
        #expect(report.commit?.id == id)
        #expect(report.repository == fixture.repository.url)
        #expect(report.notices.count == 1)
        #expect(
            report.notices.first?.hasPrefix(
                "read from \(fixture.repository.url) instead: fetching main from git://127.0.0.1") == true)
        #expect(report.errors.isEmpty)
    }

    @Test func aCopyThatLagsMovesNothingBackAndIsNoError() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let copy = fixture.folder("copy.git")
        try await TestGitRepository.git(
            ["clone", "-q", "--bare", fixture.repository.url, copy], in: fixture.folder.path)
        let newest = try await fixture.repository.commit(["r.yaml": retentionText("40d")])
        _ = await (try reconciler(fixture, fixture.repository.url, copy)).run(.startup, fetches: true)
        let lagging = try reconciler(fixture, fixture.folder("nowhere.git"), copy)
        let report = await lagging.run(.timer, fetches: true)
        #expect(report.outcome == .inSync, "\(report.text(.plain))")
        #expect(report.commit?.id == newest)
        #expect(report.notices.last?.contains("behind the accepted commit; that one stays enforced") == true)
        #expect(await fixture.target.spec(retention)?["keep"] == "40d")
    }

    @Test func aCopyWithAnotherHistoryIsRefused() async throws {
        let fixture = try await SyncFixture()
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let other = try await TestGitRepository()
        try await other.commit(["r.yaml": retentionText("90d")])
        _ = await (try reconciler(fixture, fixture.repository.url, other.url)).run(.startup, fetches: true)
        let report = await (try reconciler(fixture, fixture.folder("nowhere.git"), other.url)).run(
            .timer, fetches: true)
        #expect(report.refusals.map(\.guardName) == [.rewrittenHistory])
        #expect(report.commit?.id == good)
    }
}
