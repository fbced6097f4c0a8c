package import Declarations
package import Reconciliation
package import Telemetry

/// A drift report as it is stored: the document, and what it is found by.
package struct StoredReport: Hashable, Sendable {
    package var id: ULID
    package var startedAt: Timestamp
    package var outcome: String
    /// The commit's id; nil where no commit could be read.
    package var commit: String?
    package var host: String?
    package var json: JSONValue
    /// Entries of the drift ledger that it brings. One that cannot be read is left out: the report has it.
    package var drift: [DriftEntry]

    /// Reads what is needed out of a report; the rest is kept as it came.
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let text: String = try reader.string("id")
        guard let id = ULID(text) else { throw reader.error("id", "expected a ULID, got \"\(text.prefix(40))\"") }
        self.id = id
        startedAt = try reader.time("startedAt")
        outcome = try reader.string("outcome")
        host = try reader.optionalString("host")
        commit = json["commit"]?["id"]?.string
        self.json = json
        drift = (json["drift"]?.array ?? []).compactMap { try? DriftEntry(json: $0) }
    }
}

/// The drift reports that `gitops-sync` sent.
package struct ReportStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Keeps a report and its entries of the ledger; a report of the same id is replaced, so sending twice is the same as
    /// once.
    package func save(_ report: StoredReport) async throws {
        try await pool.transaction { connection in
            _ = try connection.execute(
                """
                INSERT INTO plumbline.reports (id, started_at, outcome, commit, host, report)
                VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (id) DO UPDATE SET received_at = now(), started_at = excluded.started_at,
                    outcome = excluded.outcome, commit = excluded.commit, host = excluded.host, report = excluded.report
                """,
                [
                    .text(report.id.description), .time(report.startedAt), .text(report.outcome),
                    .optional(report.commit), .optional(report.host), .json(report.json),
                ])
            try connection.save(drift: report.drift)
        }
    }

    /// Reports, the newest first. `before` is the id of the last one of the page before.
    package func list(
        limit: Int, before: ULID? = nil, outcome: String? = nil
    ) async throws(DatabaseError) -> [JSONValue] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                """
                SELECT report FROM plumbline.reports
                WHERE ($2::text IS NULL OR id < $2) AND ($3::text IS NULL OR outcome = $3)
                ORDER BY id DESC LIMIT $1::bigint
                """, [.integer(max(0, limit)), .optional(before?.description), .optional(outcome)])
            var reports: [JSONValue] = []
            for row in found.rows { reports.append(try row.json("report")) }
            return reports
        }
    }

    /// Reports with changes, or of a commit that was not taken, that started in `from` ≤ t < `to`; oldest first.
    package func withNews(from: Timestamp, to: Timestamp, limit: Int) async throws(DatabaseError) -> [JSONValue] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                """
                SELECT report FROM plumbline.reports
                WHERE started_at >= $1 AND started_at < $2
                    AND (outcome IN ('refused', 'rolledBack') OR report -> 'changes' <> '[]'::jsonb)
                ORDER BY started_at, id LIMIT $3::bigint
                """, [.time(from), .time(to), .integer(max(0, limit))])
            var reports: [JSONValue] = []
            for row in found.rows { reports.append(try row.json("report")) }
            return reports
        }
    }

    package func report(_ id: ULID) async throws(DatabaseError) -> JSONValue? {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                "SELECT report FROM plumbline.reports WHERE id = $1", [.text(id.description)])
            guard let row = found.rows.first else { return nil }
            return try row.json("report")
        }
    }

    /// Removes reports that started before an instant, and gives their number.
    package func remove(startedBefore instant: Timestamp) async throws(DatabaseError) -> Int {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute("DELETE FROM plumbline.reports WHERE started_at < $1", [.time(instant)]).affected
        }
    }
}
