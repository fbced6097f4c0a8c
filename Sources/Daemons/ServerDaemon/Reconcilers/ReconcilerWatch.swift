import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Watches those who watch: tells people when a reconciler falls silent, refuses a commit or finds drift, and when that
/// ends. Needs no rule, and no notifier that the reconciler has not yet broken (see ``NotifierBook``).
struct ReconcilerWatch: Service {
    static let task = "reconcilers"

    let store: ReconcilerStore
    let report: @Sendable (_ id: String) async throws -> JSONValue?
    let book: NotifierBook
    let commits: EnforcedCommits
    let leaders: LeaderStore
    let holder: String
    let clock: any Clock<Duration>
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var listeningSince: Timestamp?
            await periodically(every: interval, clock: clock) {
                do { try await round(&listeningSince) } catch {
                    // While the database is away nobody can be heard: silence begins anew after it.
                    listeningSince = nil
                    logger.warning("reconcilers were not checked", metadata: .of([.error: error]))
                }
            }
        }
    }

    /// Looks at every reconciler once; where this server leads, tells of what changed.
    func round(_ listeningSince: inout Timestamp?) async throws {
        let (records, now) = try await store.records()
        let since: Timestamp = listeningSince ?? now
        listeningSince = since
        note(records)
        guard let notifiers = await book.notifiers(),
            let leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(15))
        else { return }
        for record in records {
            let holding = ReconcilerCondition.holding(of: record, now: now, listeningSince: since)
            for condition in ReconcilerCondition.allCases {
                let begins: Bool = holding.contains(condition)
                guard begins != (record.told[condition.rawValue] != nil) else { continue }
                try await tell(condition, begins, of: record, now, notifiers, leadership)
            }
        }
    }

    private func tell(
        _ condition: ReconcilerCondition, _ begins: Bool, of record: ReconcilerStore.Record, _ now: Timestamp,
        _ notifiers: [String: NotifierSpec], _ leadership: Leadership
    ) async throws {
        var report: JSONValue?
        if begins, let id = condition.report(of: record) {
            report = try await self.report(id)
            // It comes a moment before the run's end is told, or a little later; a notice without it says too little.
            if report == nil, now - record.completedAt < .seconds(10) { return }
        }
        let notice = ReconcilerNotice(record: record, condition: condition, begins: begins, report: report, at: now)
        var addressed = AlertStore.Addressed(
            notice.notification, named: [], among: notifiers, ending: record.told[condition.rawValue]?.notice)
        addressed.forms = try await book.lastThatDelivered(besides: addressed.notifiers)
        try await store.save(
            ReconcilerStore.Transition(
                source: record.source, condition: condition.rawValue, begins: begins, notice: addressed),
            under: leadership)
        logger.notice(
            "\(notice.notification.annotations["summary"] ?? "")",
            metadata: .of([.reason: "\(condition.rawValue) \(begins ? "begins" : "ends")"]))
    }

    private func note(_ records: [ReconcilerStore.Record]) {
        for record in records {
            metrics.gauge(
                "plumb_reconciler_last_run_timestamp_seconds", "When a reconciler's last run was heard of.",
                labels: ["source": record.source]
            ).set(record.completedAt.seconds)
        }
        commits.update(records)
    }
}
