package import Alerting
package import Telemetry

/// What each host was last found to be, so that every transition is told exactly once, also across restarts.
package struct HostStatusStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    package struct Known: Hashable, Sendable {
        package var status: HostStatus
        package var since: Timestamp

        package init(status: HostStatus, since: Timestamp) {
            self.status = status
            self.since = since
        }
    }

    package func known() async throws(DatabaseError) -> [String: Known] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute("SELECT host, status, since FROM host_status")
            var known: [String: Known] = [:]
            for row in result.rows {
                guard let status = HostStatus(rawValue: try row.string("status")) else { continue }
                known[try row.string("host")] = Known(status: status, since: try row.time("since"))
            }
            return known
        }
    }

    /// Records a host's new status together with its notification, or neither.
    package func save(
        host: String, _ known: Known, notifying addressed: AlertStore.Addressed?, under leadership: Leadership
    ) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            _ = try connection.execute(
                """
                INSERT INTO host_status (host, status, since) VALUES ($1, $2, $3)
                ON CONFLICT (host) DO UPDATE SET status = excluded.status, since = excluded.since
                """, [.text(host), .text(known.status.rawValue), .time(known.since)])
            if let addressed { try connection.post(addressed) }
        }
    }

    /// Forgets hosts that nobody expects and that never reported.
    package func forget(hosts: [String], under leadership: Leadership) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            _ = try connection.execute("DELETE FROM host_status WHERE host = ANY ($1::text[])", [.textArray(hosts)])
        }
    }
}
