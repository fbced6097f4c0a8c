package import Declarations
package import Telemetry

extension ConfigStore {
    /// One recorded change of a resource: what it was before, nil where it was not, and until when.
    package struct PastSpec: Hashable, Sendable {
        package var name: String
        package var before: JSONValue?
        package var at: Timestamp
    }

    /// The changes of one kind within the last `span`, by the database's clock, oldest first: those that were recorded;
    /// then, as of now, what is stored now and differs from the last record, which somebody changed past the triggers.
    ///
    /// When such a change was made is unknown, so it is always as young as can be, until somebody records another.
    package func changes(ofKind kind: ResourceKind, within span: PromDuration) async throws(DatabaseError) -> [PastSpec]
    {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                WITH last AS (
                    SELECT DISTINCT ON (name) name, after FROM audit
                    WHERE kind = $1 AND before IS DISTINCT FROM after ORDER BY name, id DESC
                ), stored AS (SELECT name, spec FROM resources WHERE kind = $1)
                SELECT name, before, at, id FROM audit
                WHERE kind = $1 AND before IS DISTINCT FROM after AND at > now() - make_interval(secs => $2::float8)
                UNION ALL
                SELECT name, last.after, now(), NULL FROM last FULL JOIN stored USING (name)
                WHERE stored.spec IS DISTINCT FROM last.after
                ORDER BY id NULLS LAST
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
