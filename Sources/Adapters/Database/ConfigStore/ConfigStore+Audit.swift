package import ConfigAPI

extension ConfigStore {
    /// Recorded changes after `generation`, oldest first: `limit`, with all of the last one's generation, so that the
    /// next page begins behind that; then, with id 0 and an unknown author, the differences between the last record of a
    /// resource and what is stored, which somebody made past the triggers.
    ///
    /// So the last entry of a key always leads to what is stored now.
    package func audit(since generation: Int, limit: Int = 1000) async throws(ConfigStoreError) -> [AuditEntry] {
        try await transaction(.snapshot) { connection in
            let recorded = try connection.execute(
                """
                SELECT id, generation, kind, name, operation, before, after, who, at, via, details
                FROM (
                    SELECT * FROM \(schema).audit WHERE generation > $1::bigint
                    ORDER BY generation FETCH FIRST ($2::bigint) ROWS WITH TIES) AS page
                ORDER BY generation, id
                """, [.integer(generation), .integer(limit)])
            var entries: [AuditEntry] = []
            for row in recorded.rows { entries.append(try AuditEntry(row, ChangedBy(row, who: try row.string("who")))) }
            // A page that is full is followed by another; what is not recorded belongs after the last.
            guard entries.count < limit else { return entries }
            for row in try connection.execute(unrecordedQuery).rows {
                entries.append(try AuditEntry(row, .unaudited))
            }
            return entries
        }
    }

    /// The keys of the audit are found by skipping through its index, because the audit holds every change there ever was
    /// and only the last of each key matters.
    private var unrecordedQuery: String {
        """
        WITH RECURSIVE keys AS (
            (SELECT kind, name FROM \(schema).audit ORDER BY kind, name LIMIT 1)
            UNION ALL
            SELECT next.kind, next.name FROM keys CROSS JOIN LATERAL (
                SELECT audit.kind, audit.name FROM \(schema).audit
                WHERE (audit.kind, audit.name) > (keys.kind, keys.name) ORDER BY audit.kind, audit.name LIMIT 1
            ) AS next
        ), last AS (
            SELECT keys.kind, keys.name, record.after FROM keys CROSS JOIN LATERAL (
                SELECT audit.after FROM \(schema).audit
                WHERE audit.kind = keys.kind AND audit.name = keys.name AND before IS DISTINCT FROM after
                ORDER BY audit.id DESC LIMIT 1
            ) AS record
        )
        SELECT 0 AS id, stores.generation, kind, name, last.after AS before, resources.spec AS after,
            CASE WHEN last.after IS NULL THEN 'insert' WHEN resources.spec IS NULL THEN 'delete' ELSE 'update' END
                AS operation
        FROM \(schema).resources FULL JOIN last USING (kind, name) CROSS JOIN \(schema).stores
        WHERE resources.spec IS DISTINCT FROM last.after
        ORDER BY kind, name LIMIT 1000
        """
    }
}

extension AuditEntry {
    fileprivate init(_ row: SQLRow, _ changedBy: ChangedBy) throws(DatabaseError) {
        self.init(
            id: try row.int("id"), generation: try row.int("generation"), kind: try row.string("kind"),
            name: try row.string("name"), operation: try row.string("operation"), before: row["before"].json,
            after: row["after"].json, changedBy: changedBy)
    }
}
