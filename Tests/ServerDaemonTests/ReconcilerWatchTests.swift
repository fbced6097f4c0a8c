import Alerting
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Logging
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

/// Reconcilers that say what a test has them say, watched by servers that come and go.
private final class Watched: Sendable {
    let database: TestDatabase
    let store: ReconcilerStore
    let outbox: Outbox
    let notifiers = Mutex<[String: NotifierSpec]>(["ops": NotifierSpec(type: .webhook, url: "http://ops")])
    private let reports = Mutex<[String: JSONValue]>([:])
    private let metrics = MetricsRegistry()

    init() async throws {
        database = try await TestPostgres.database()
        store = ReconcilerStore(pool: database.pool)
        outbox = Outbox(pool: database.pool)
    }

    /// The end of a run, with its report.
    func says(_ outcome: String, drift: Int = 0, report: JSONValue = [:]) async throws {
        let id = "report-\(outcome)-\(drift)"
        reports.withLock { $0[id] = report }
        try await store.record(
            ReconcilerStatus(
                source: "gitops-sync", host: "sync-1", patience: .minutes(1), outcome: outcome, report: id,
                drift: drift, generation: 7,
                commit: AppliedCommit(id: "c0ffee000000", committedAt: Timestamp(milliseconds: 1_763_683_600_000))))
    }

    func passes(_ span: String) async throws {
        try await database.superuser(
            "UPDATE plumbline.reconcilers SET completed_at = completed_at - interval '\(span)', drift_at = drift_at - interval '\(span)'"
        )
    }

    /// One look of a server that has listened for hours, or has just started.
    func look(hasJustStarted: Bool = false) async throws {
        let watch = ReconcilerWatch(
            store: store, report: { id in self.reports.withLock { $0[id] } },
            book: NotifierBook(
                notifiers: { self.notifiers.withLock { $0 } },
                form: { name in self.notifiers.withLock { $0[name]?.url }.map { ["url": .string($0)] } },
                decode: { form in NotifierSpec(type: .webhook, url: form["url"]?.string) },
                lastDelivery: { try await self.outbox.lastDelivery() }),
            commits: EnforcedCommits(metrics: metrics), leaders: LeaderStore(pool: database.pool), holder: "a",
            clock: ContinuousClock(), metrics: metrics, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var since: Timestamp? = hasJustStarted ? nil : try await store.records().now - .hours(5)
        try await watch.round(&since)
    }

    /// `receiver rule event`, in order of posting.
    func told() async throws -> [String] {
        try await outbox.log(limit: 100).reversed().map { entry in
            let body: JSONValue? = entry["notification"]
            return [entry["notifier"], body?["rule"], body?["event"]].map { $0?.string ?? "?" }.joined(separator: " ")
        }
    }

    func summaries() async throws -> [String] {
        try await outbox.log(limit: 100).reversed().map {
            $0["notification"]?["annotations"]?["summary"]?.string ?? "?"
        }
    }

    var exposition: String { metrics.exposition }
}

@Suite struct ReconcilerWatchTests {
    // Shows F-GO-07
    @Test
    func
        `a reconciler that falls silent is told of once, also by a server that starts again, and once when it is back`()
        async throws
    {
        let watched = try await Watched()
        try await watched.look()
        try await watched.says("inSync")
        try await watched.look()
        #expect(try await watched.told().isEmpty)
        try await watched.passes("2 minutes")
        // Nobody could be heard yet.
        try await watched.look(hasJustStarted: true)
        #expect(try await watched.told().isEmpty)
        for _ in 1...3 { try await watched.look() }
        #expect(try await watched.told() == ["ops gitops.stalled firing"])
        try await watched.says("inSync")
        for _ in 1...3 { try await watched.look() }
        #expect(try await watched.told() == ["ops gitops.stalled firing", "ops gitops.stalled resolved"])
        #expect(
            try await watched.summaries().first?.hasPrefix("gitops-sync on sync-1 has completed no run since") == true)
    }

    // Shows F-GO-07, F-GO-09
    @Test func `a refused commit is told of once, with its reasons`() async throws {
        let watched = try await Watched()
        let report: JSONValue = [
            "refusedCommit": ["id": "badbadbadbadbad", "subject": "Typo", "author": "Ada"],
            "problems": [["file": "a.yaml", "line": 7, "column": 3, "message": "unknown field \"intervall\""]],
        ]
        for _ in 1...3 {
            try await watched.says("refused", report: report)
            try await watched.look()
        }
        #expect(
            try await watched.summaries() == [
                "commit badbadbadb \"Typo\" by Ada is refused: a.yaml:7:3: unknown field \"intervall\"; the last good commit "
                    + "stays enforced"
            ])
        try await watched.says("applied")
        try await watched.look()
        #expect(try await watched.told() == ["ops gitops.refused firing", "ops gitops.refused resolved"])
        #expect(try await watched.summaries().last == "commit c0ffee0000 is enforced, and no newer one is refused")
    }

    // Shows F-GO-06, F-GO-07
    @Test func `drift is one notice for a run's changes and for all that follow until it is quiet`() async throws {
        let watched = try await Watched()
        let changes: [JSONValue] = (1...7).map { number in
            [
                "kind": "Retention", "name": .string("r\(number)"), "cause": ["drift"], "result": "applied",
                "changedBy": ["who": "alice", "via": "sql"],
            ]
        }
        try await watched.says("corrected", drift: 7, report: ["changes": .array(changes)])
        try await watched.look()
        for _ in 1...3 {
            try await watched.says("inSync")
            try await watched.look()
            try await watched.passes("1 minute")
            try await watched.says("corrected", drift: 1)
            try await watched.look()
        }
        #expect(try await watched.told() == ["ops gitops.drift firing"])
        let text: String = try #require(try await watched.summaries().first)
        #expect(
            text.hasPrefix("changed outside git: Retention/r1 by alice via sql (corrected), Retention/r2"), "\(text)")
        #expect(text.hasSuffix("Retention/r5 by alice via sql (corrected) and 2 more"), "\(text)")
        try await watched.passes("5 minutes")
        try await watched.says("inSync")
        for _ in 1...2 { try await watched.look() }
        #expect(try await watched.told() == ["ops gitops.drift firing", "ops gitops.drift resolved"])
    }

    @Test func `notices go to the notifier that delivered last too, in the form that it had then`() async throws {
        let watched = try await Watched()
        try await watched.outbox.remember(.init(notifier: "ops", form: ["url": "http://ops"]))
        try await watched.says("refused")
        try await watched.look()
        // The same notifier in the same form is told once.
        #expect(try await watched.told() == ["ops gitops.refused firing"])
        // A commit gives it an address that leads nowhere.
        watched.notifiers.withLock { $0 = ["ops": NotifierSpec(type: .webhook, url: "http://nowhere")] }
        try await watched.says("rolledBack")
        try await watched.look()
        #expect(
            Set(try await watched.told().dropFirst()) == [
                "ops gitops.refused resolved", "ops (as it last delivered) gitops.refused resolved",
                "ops gitops.rolledBack firing", "ops (as it last delivered) gitops.rolledBack firing",
            ])
        let item = try await watched.outbox.claim(limit: 10, for: .minutes(1)).first { $0.via != nil }
        #expect(item?.via == ["url": "http://ops"])
    }

    @Test func `the enforced commit is one series, whatever came before it`() async throws {
        let watched = try await Watched()
        try await watched.says("inSync")
        try await watched.look()
        #expect(
            watched.exposition.contains("plumb_config_commit_info{commit=\"c0ffee000000\",source=\"gitops-sync\"} 1\n"))
        #expect(
            watched.exposition.contains("plumb_config_commit_timestamp_seconds{source=\"gitops-sync\"} 1763683600\n"))
    }

    @Test func `a newer commit takes the place of the one before it`() async throws {
        let registry = MetricsRegistry()
        let commits = EnforcedCommits(metrics: registry)
        func record(_ commit: String, _ generation: Int) -> ReconcilerStore.Record {
            ReconcilerStore.Record(
                source: "s", host: "h", patience: nil, completedAt: Timestamp(milliseconds: 0), outcome: "inSync",
                report: "r", generation: generation,
                commit: AppliedCommit(id: commit, committedAt: Timestamp(milliseconds: 1000)))
        }
        commits.update([record("one", 3)])
        commits.update([record("two", 4)])
        #expect(!registry.exposition.contains("commit=\"one\""))
        #expect(registry.exposition.contains("plumb_config_commit_info{commit=\"two\",source=\"s\"} 1\n"))
        // A server that has not loaded what the commit changed does not say that a host applied it.
        #expect(commits.applied(at: 3) == nil)
        #expect(commits.applied(at: 4)?.id == "two")
    }
}
