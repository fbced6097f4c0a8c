package import Telemetry

/// The hosts whose wrong clock people were told of, so that it is told once, also across restarts.
package struct HostClockStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    package struct Told: Hashable, Sendable {
        package var since: Timestamp
        /// The key of the notification.
        package var notice: String

        package init(since: Timestamp, notice: String) {
            self.since = since
            self.notice = notice
        }
    }

    package func told() async throws(DatabaseError) -> [String: Told] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute("SELECT host, since, notice FROM host_clocks")
            var told: [String: Told] = [:]
            for row in result.rows {
                told[try row.string("host")] = Told(
                    since: try row.time("since"), notice: try row.string("notice"))
            }
            return told
        }
    }

    /// Records that a host's clock is told of, or with nil that it is not any more, together with the notification.
    package func save(
        host: String, _ told: Told?, notifying addressed: AlertStore.Addressed?, under leadership: Leadership
    ) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            if let told {
                _ = try connection.execute(
                    """
                    INSERT INTO host_clocks (host, since, notice) VALUES ($1, $2, $3)
                    ON CONFLICT (host) DO UPDATE SET since = excluded.since, notice = excluded.notice
                    """, [.text(host), .time(told.since), .text(told.notice)])
            } else {
                _ = try connection.execute("DELETE FROM host_clocks WHERE host = $1", [.text(host)])
            }
            if let addressed { try connection.post(addressed) }
        }
    }
}
