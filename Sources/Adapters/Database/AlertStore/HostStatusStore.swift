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
                INSERT INTO host_status_history (at, host, status, previous)
                VALUES ($3, $1, $2, (SELECT status FROM host_status WHERE host = $1))
                """, [.text(host), .text(known.status.rawValue), .time(known.since)])
            _ = try connection.execute(
                """
                INSERT INTO host_status (host, status, since) VALUES ($1, $2, $3)
                ON CONFLICT (host) DO UPDATE SET status = excluded.status, since = excluded.since
                """, [.text(host), .text(known.status.rawValue), .time(known.since)])
            if let addressed { try connection.post(addressed) }
        }
    }

    /// One change of a host's status.
    package struct Change: Hashable, Sendable {
        package var host: String
        package var at: Timestamp
        package var status: HostStatus
        /// Nil for a host that was new.
        package var previous: HostStatus?

        package init(host: String, at: Timestamp, status: HostStatus, previous: HostStatus?) {
            self.host = host
            self.at = at
            self.status = status
            self.previous = previous
        }
    }

    /// Changes with `from` ≤ at < `to` of one host or of all, oldest first, at most `limit`.
    package func changes(
        from: Timestamp, to: Timestamp, host: String? = nil, limit: Int
    ) async throws -> [Change] {
        try await pool.withConnection { connection throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT host, at, status, previous FROM host_status_history
                WHERE at >= $1 AND at < $2 AND ($3::text IS NULL OR host = $3) ORDER BY at, id LIMIT $4
                """, [.time(from), .time(to), .optional(host), .integer(limit)])
            var changes: [Change] = []
            for row in result.rows {
                guard let status = HostStatus(rawValue: try row.string("status")) else { continue }
                changes.append(
                    Change(
                        host: try row.string("host"), at: try row.time("at"), status: status,
                        previous: row["previous"].string.flatMap(HostStatus.init(rawValue:))))
            }
            return changes
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
