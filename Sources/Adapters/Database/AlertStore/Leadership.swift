package import Telemetry

/// The right to do one task that only one server does at a time, judged by the database's clock.
///
/// Holding a value proves nothing: every transaction of the task checks it with `verify(_:)`, so a leader that was
/// paused for longer than its lease cannot write.
package struct Leadership: Hashable, Sendable {
    package var task: String
    package var holder: String
    package var epoch: Int
}

/// The leadership that was relied on is somebody else's by now. Nothing was written.
package struct LeadershipLost: Error, Hashable, Sendable, CustomStringConvertible {
    package var task: String

    package init(task: String) { self.task = task }

    package var description: String { "another server leads \(task) now" }
}

package struct LeaderStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Takes or renews the leadership of `task` for `span`; nil while another holds it.
    package func lead(_ task: String, holder: String, for span: PromDuration) async throws -> Leadership? {
        let epoch: Int? = try await pool.withConnection { connection throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                INSERT INTO leaders AS held (task, holder, epoch, expires_at)
                VALUES ($1, $2, 1, now() + make_interval(secs => $3::float8))
                ON CONFLICT (task) DO UPDATE SET
                    holder = excluded.holder, expires_at = excluded.expires_at,
                    epoch = held.epoch + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END
                WHERE held.holder = excluded.holder OR held.expires_at < now()
                RETURNING epoch
                """, [.text(task), .text(holder), .double(span.seconds)])
            return try result.rows.first?.int("epoch")
        }
        return epoch.map { Leadership(task: task, holder: holder, epoch: $0) }
    }

    /// Lets go, so that another server need not wait for the lease to end.
    package func resign(_ leadership: Leadership) async throws {
        _ = try await pool.withConnection { connection throws(DatabaseError) in
            try connection.execute(
                "UPDATE leaders SET expires_at = now() WHERE task = $1 AND holder = $2 AND epoch = $3",
                [.text(leadership.task), .text(leadership.holder), .integer(leadership.epoch)]
            ).affected
        }
    }
}

extension PostgresConnection {
    /// Fails unless `leadership` is still held; holds the row until the transaction ends, so that it stays so.
    func verify(_ leadership: Leadership) throws {
        let result: SQLResult = try execute(
            "SELECT 1 FROM leaders WHERE task = $1 AND holder = $2 AND epoch = $3 AND expires_at > now() FOR SHARE",
            [.text(leadership.task), .text(leadership.holder), .integer(leadership.epoch)])
        guard !result.rows.isEmpty else { throw LeadershipLost(task: leadership.task) }
    }
}
