package import Declarations
package import Telemetry

extension ConfigStore {
    /// One recorded change of a resource: what it was before, nil where it was not, and until when.
    package struct PastSpec: Hashable, Sendable {
        package var name: String
        package var before: JSONValue?
        package var at: Timestamp
    }

    /// The changes of one kind that were recorded within the last `span`, by the database's clock, oldest first.
    package func changes(ofKind kind: ResourceKind, within span: PromDuration) async throws(DatabaseError) -> [PastSpec]
    {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT name, before, at FROM audit
                WHERE kind = $1 AND before IS DISTINCT FROM after AND at > now() - make_interval(secs => $2::float8)
                ORDER BY id
                """, [.text(kind.rawValue), .double(span.seconds)])
            var changes: [PastSpec] = []
            for row in result.rows {
                changes.append(
                    PastSpec(name: try row.string("name"), before: row["before"].json, at: try row.time("at")))
            }
            return changes
        }
    }
}
