package import Telemetry

/// What agents say that they delivered, beside what is stored.
package struct BalanceStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// One hour of one host.
    package struct Hour: Hashable, Sendable {
        package var host: String
        package var ledger: String
        package var end: Timestamp
        /// Samples that the agent had acknowledged and that were new to the store.
        package var acknowledged: Int
        /// Samples that the store held.
        package var stored: Int

        package init(host: String, ledger: String, end: Timestamp, acknowledged: Int, stored: Int) {
            self.host = host
            self.ledger = ledger
            self.end = end
            self.acknowledged = acknowledged
            self.stored = stored
        }
    }

    /// Notes what an hour came to, and forgets hours of more than two days ago.
    package func save(_ hour: Hour) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                "DELETE FROM plumbline.sample_balances WHERE ends_at < now() - interval '2 days'")
            _ = try connection.execute(
                """
                INSERT INTO plumbline.sample_balances (host, ends_at, ledger, acknowledged, stored)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (host, ends_at, ledger) DO UPDATE SET acknowledged = excluded.acknowledged,
                    stored = excluded.stored, checked_at = now()
                """,
                [
                    .text(hour.host), .time(hour.end), .text(hour.ledger), .integer(hour.acknowledged),
                    .integer(hour.stored),
                ])
        }
    }

    /// The hours of the last two days, by host.
    package func hours() async throws(DatabaseError) -> [String: [Hour]] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result = try connection.execute(
                """
                SELECT host, ends_at, ledger, acknowledged, stored FROM plumbline.sample_balances
                WHERE ends_at > now() - interval '2 days' ORDER BY host, ends_at
                """)
            var hours: [String: [Hour]] = [:]
            for row in result.rows {
                let host: String = try row.string("host")
                hours[host, default: []].append(
                    Hour(
                        host: host, ledger: try row.string("ledger"), end: try row.time("ends_at"),
                        acknowledged: try row.int("acknowledged"), stored: try row.int("stored")))
            }
            return hours
        }
    }

    /// Lines that were stored, by host and ledger.
    package func storedLines() async throws(DatabaseError) -> [String: [String: Int]] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result = try connection.execute("SELECT host, ledger, stored FROM plumbline.line_ledgers")
            var lines: [String: [String: Int]] = [:]
            for row in result.rows {
                lines[try row.string("host"), default: [:]][try row.string("ledger")] = try row.int("stored")
            }
            return lines
        }
    }
}
