import Alerting
package import ConfigAPI
import Declarations
package import Telemetry

/// Reconcilers as the server hears of them, and what people were told. Times are the database's: several servers must
/// agree on who is late.
package struct ReconcilerStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// What one reconciler said last.
    package struct Record: Hashable, Sendable {
        package var source: String
        package var host: String
        package var patience: PromDuration?
        package var completedAt: Timestamp
        package var outcome: String
        package var report: String
        package var generation: Int?
        package var commit: AppliedCommit?
        /// When a run last found drift, and its report.
        package var driftAt: Timestamp?
        package var driftReport: String?
        /// What people were told holds, by the condition's name.
        package var told: [String: Told] = [:]

        /// A notice that stands until its condition ends.
        package struct Told: Hashable, Sendable {
            package var since: Timestamp
            package var notice: String

            package init(since: Timestamp, notice: String) {
                self.since = since
                self.notice = notice
            }
        }

        package init(
            source: String, host: String, patience: PromDuration?, completedAt: Timestamp, outcome: String,
            report: String, generation: Int?, commit: AppliedCommit?
        ) {
            self.source = source
            self.host = host
            self.patience = patience
            self.completedAt = completedAt
            self.outcome = outcome
            self.report = report
            self.generation = generation
            self.commit = commit
        }
    }

    /// Keeps what a reconciler says.
    package func record(_ status: ReconcilerStatus) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                """
                INSERT INTO plumbline.reconcilers AS known
                    (source, host, patience, outcome, report, generation, commit, committed_at, drift_at, drift_report)
                VALUES ($1, $2, make_interval(secs => $3::float8), $4, $5, $6::bigint, $7, $8,
                    CASE WHEN $9::bigint > 0 THEN now() END, CASE WHEN $9::bigint > 0 THEN $5 END)
                ON CONFLICT (source) DO UPDATE SET host = excluded.host, patience = excluded.patience,
                    completed_at = now(), outcome = excluded.outcome, report = excluded.report,
                    generation = excluded.generation, commit = excluded.commit, committed_at = excluded.committed_at,
                    drift_at = coalesce(excluded.drift_at, known.drift_at),
                    drift_report = coalesce(excluded.drift_report, known.drift_report)
                """,
                [
                    .text(status.source), .text(status.host), status.patience.map { .double($0.seconds) } ?? .null,
                    .text(status.outcome), .text(status.report), .optional(status.generation),
                    .optional(status.commit?.id), .optional(status.commit?.committedAt), .integer(status.drift),
                ])
        }
    }

    /// All of them by source, and what time it is for the database.
    package func records() async throws(DatabaseError) -> (records: [Record], now: Timestamp) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let now: Timestamp = try connection.execute("SELECT clock_timestamp() AS now").only().time("now")
            var told: [String: [String: Record.Told]] = [:]
            for row in try connection.execute("SELECT source, condition, since, notice FROM reconciler_conditions").rows
            {
                told[try row.string("source"), default: [:]][try row.string("condition")] = Record.Told(
                    since: try row.time("since"), notice: try row.string("notice"))
            }
            var records: [Record] = []
            let found = try connection.execute(
                """
                SELECT *, extract(epoch FROM patience)::float8 AS patience_seconds FROM reconcilers
                ORDER BY source COLLATE "C"
                """)
            for row in found.rows {
                var record = try Record(row)
                record.told = told[record.source] ?? [:]
                records.append(record)
            }
            return (records, now)
        }
    }

    /// A condition that began or ended, with its notice.
    package struct Transition: Sendable {
        package var source: String
        package var condition: String
        package var begins: Bool
        package var notice: AlertStore.Addressed

        package init(source: String, condition: String, begins: Bool, notice: AlertStore.Addressed) {
            self.source = source
            self.condition = condition
            self.begins = begins
            self.notice = notice
        }
    }

    /// Remembers a transition and tells of it, or neither.
    package func save(_ transition: Transition, under leadership: Leadership) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            let key: [SQLValue] = [.text(transition.source), .text(transition.condition)]
            if transition.begins {
                _ = try connection.execute(
                    """
                    INSERT INTO reconciler_conditions (source, condition, notice) VALUES ($1, $2, $3)
                    ON CONFLICT (source, condition) DO UPDATE SET since = now(), notice = excluded.notice
                    """, key + [.text(transition.notice.notification.dedupeKey)])
            } else {
                _ = try connection.execute(
                    "DELETE FROM reconciler_conditions WHERE source = $1 AND condition = $2", key)
            }
            try connection.post(transition.notice)
        }
    }
}

extension ReconcilerStore.Record {
    fileprivate init(_ row: SQLRow) throws(DatabaseError) {
        source = try row.string("source")
        host = try row.string("host")
        patience = row["patience_seconds"].double.map { PromDuration(milliseconds: Int64($0 * 1000)) }
        completedAt = try row.time("completed_at")
        outcome = try row.string("outcome")
        report = try row.string("report")
        generation = row["generation"].int
        if let id = row["commit"].string, let committedAt = row["committed_at"].time {
            commit = AppliedCommit(id: id, committedAt: committedAt)
        }
        driftAt = row["drift_at"].time
        driftReport = row["drift_report"].string
    }
}
