package import Declarations
package import Telemetry

/// The plans of branches that each `gitops-sync` showed last.
package struct PreviewStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Puts a source's set in the place of the one before: a branch that is gone goes with it.
    package func replace(_ set: JSONValue, of source: String) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                """
                INSERT INTO plumbline.previews (source, previews) VALUES ($1, $2)
                ON CONFLICT (source) DO UPDATE SET received_at = now(), previews = excluded.previews
                """, [.text(source), .json(set)])
        }
    }

    /// The set of every source, by name.
    package func all() async throws(DatabaseError) -> [(source: String, receivedAt: Timestamp, set: JSONValue)] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                "SELECT source, received_at, previews FROM plumbline.previews ORDER BY source LIMIT 100")
            var sets: [(source: String, receivedAt: Timestamp, set: JSONValue)] = []
            for row in found.rows {
                sets.append((try row.string("source"), try row.time("received_at"), try row.json("previews")))
            }
            return sets
        }
    }
}
