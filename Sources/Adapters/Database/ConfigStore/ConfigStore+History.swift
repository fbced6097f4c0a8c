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
    /// and those that were made past the triggers, which show as a record that begins with something else than the one
    /// before it left, or as something stored that differs from the last record.
    ///
    /// When such a change was made is unknown, so it is as young as can be: as young as the record after it, or now.
    package func changes(ofKind kind: ResourceKind, within span: PromDuration) async throws(DatabaseError) -> [PastSpec]
    {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                WITH recorded AS (
                    SELECT id, name, before, after, at, lag(after) OVER (PARTITION BY name ORDER BY id) AS left_behind
                    FROM audit WHERE kind = $1 AND before IS DISTINCT FROM after
                ), young AS (
                    SELECT * FROM recorded WHERE at > now() - make_interval(secs => $2::float8)
                ), last AS (
                    SELECT DISTINCT ON (name) name, after FROM recorded ORDER BY name, id DESC
                ), stored AS (SELECT name, spec FROM resources WHERE kind = $1)
                SELECT name, left_behind AS before, at, id, 0 AS place FROM young
                WHERE left_behind IS DISTINCT FROM before
                UNION ALL
                SELECT name, before, at, id, 1 FROM young
                UNION ALL
                SELECT name, last.after, now(), NULL, 2 FROM last FULL JOIN stored USING (name)
                WHERE stored.spec IS DISTINCT FROM last.after
                ORDER BY id NULLS LAST, place
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
