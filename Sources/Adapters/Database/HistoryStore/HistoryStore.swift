package import Telemetry

/// Tables of records that grow with time and are in no dataset: what was changed, told, tried.
package struct HistoryStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// One of them, with how long it is kept.
    package struct History: Hashable, Sendable {
        /// The table, with its schema where that is not `plumbline`.
        package var table: String
        package var keep: PromDuration
        /// The key by which rows are deleted.
        fileprivate var key: String
        /// Which rows are old, where `$1` is the edge of time.
        fileprivate var condition: String
    }

    /// How long each is kept. The audit's last record of a resource stays whatever its age: it says who made what is live.
    package static let histories: [History] =
        ["", "plumbline_proxy."].map { schema in
            History(
                table: "\(schema)audit", keep: .days(365), key: "id",
                condition: """
                    at < $1::timestamptz AND EXISTS (SELECT FROM \(schema)audit AS later
                        WHERE later.kind = old.kind AND later.name = old.name AND later.id > old.id)
                    """)
        } + [
            History(table: "alert_history", keep: .days(365), key: "id", condition: "at < $1::timestamptz"),
            History(table: "host_status_history", keep: .days(365), key: "id", condition: "at < $1::timestamptz"),
            History(table: "reports", keep: .days(365), key: "id", condition: "started_at < $1::timestamptz"),
            // What is still open stays, however old.
            History(
                table: "drift", keep: .days(365), key: "id", condition: "ended_at < $1::timestamptz"),
            History(
                table: "outbox", keep: .days(90), key: "id",
                condition: "state <> 'waiting' AND coalesce(delivered_at, created_at) < $1::timestamptz"),
            History(
                table: "plumbline_proxy.runs", keep: .days(90), key: "id",
                condition: """
                    finished_at < $1::timestamptz AND EXISTS (SELECT FROM plumbline_proxy.runs AS later
                        WHERE later.pipeline = old.pipeline AND later.id > old.id)
                    """),
            History(
                table: "plumbline_proxy.dead_letters", keep: .days(365), key: "id",
                condition: "last_at < $1::timestamptz"),
        ]

    /// Deletes at most `limit` rows that are older than their time; gives how many went.
    package func prune(
        _ history: History, at now: Timestamp, limit: Int = 1000, under leadership: Leadership
    ) async throws -> Int {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            return try connection.execute(
                """
                DELETE FROM \(history.table) WHERE \(history.key) IN (
                    SELECT \(history.key) FROM \(history.table) AS old WHERE \(history.condition)
                    ORDER BY \(history.key) LIMIT $2::bigint)
                """, [.time(now - history.keep), .integer(limit)]
            ).affected
        }
    }
}
