package import Telemetry

/// Which partitions were gone through row by row, and for which rules.
package struct RetentionProgress: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    package struct Entry: Hashable, Sendable {
        package var digest: String
        package var at: Timestamp
    }

    /// By partition.
    package func entries(of dataset: String) async throws(DatabaseError) -> [String: Entry] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                "SELECT partition, rules_digest, done_at FROM retention_progress WHERE dataset = $1", [.text(dataset)])
            var entries: [String: Entry] = [:]
            for row in result.rows {
                entries[try row.string("partition")] = Entry(
                    digest: try row.string("rules_digest"), at: try row.time("done_at"))
            }
            return entries
        }
    }

    package func done(
        _ dataset: String, _ partition: String, digest: String, removed: Int, under leadership: Leadership
    ) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            _ = try connection.execute(
                """
                INSERT INTO retention_progress (dataset, partition, rules_digest, rows_removed) VALUES ($1, $2, $3, $4)
                ON CONFLICT (dataset, partition) DO UPDATE SET rules_digest = excluded.rules_digest, done_at = now(),
                    rows_removed = retention_progress.rows_removed + excluded.rows_removed
                """, [.text(dataset), .text(partition), .text(digest), .integer(removed)])
        }
    }

    /// Forgets partitions that are gone.
    package func keepOnly(_ partitions: [String], of dataset: String) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                "DELETE FROM retention_progress WHERE dataset = $1 AND partition <> ALL ($2::text[])",
                [.text(dataset), .textArray(partitions)])
        }
    }
}
