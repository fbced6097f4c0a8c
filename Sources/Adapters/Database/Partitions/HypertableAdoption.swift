package import Logging

/// Makes hypertables of the big tables where TimescaleDB is in the database and they are still empty.
///
/// Done once, right after the migrations. A table that has partitions already stays native: rows are never moved. So the
/// extension is created before the first start: `CREATE EXTENSION timescaledb`.
package enum HypertableAdoption {
    /// Each dataset with its table. Blocks and rollups stay native: they are small and written once.
    static let tables: [(dataset: String, table: String)] = [
        ("metrics", "frames"), ("logs", "logs"), ("events", "events"),
    ]

    /// Gives the tables that became hypertables. What cannot be changed stays as it is, with a warning.
    @discardableResult
    package static func run(_ connection: PostgresConnection, logger: Logger? = nil) async throws -> [String] {
        let schema: String? = try await connection.perform { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                SELECT quote_ident(nspname) AS name FROM pg_extension JOIN pg_namespace AS space
                    ON space.oid = extnamespace WHERE extname = 'timescaledb'
                """
            ).rows.first?.string("name")
        }
        guard let schema else { return [] }
        var adopted: [String] = []
        for (dataset, table) in tables {
            let outcome: Result<Bool, any Error> = await outcome(of: dataset, table, schema, connection)
            switch outcome {
            case .success(true):
                adopted.append(table)
                logger?.notice("hypertable made", metadata: ["table": "\(table)"])
            case .success(false): break
            case .failure(let error):
                logger?.warning(
                    "the table keeps its own partitions", metadata: ["table": "\(table)", "error": "\(error)"])
            }
        }
        return adopted
    }

    private static func outcome(
        of dataset: String, _ table: String, _ schema: String, _ connection: PostgresConnection
    ) async -> Result<Bool, any Error> {
        do {
            let isAdopted: Bool = try await connection.perform { connection throws(any Error) in
                try connection.transaction { connection in
                    let found: SQLResult = try connection.execute(
                        """
                        SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'p'
                            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid)
                        """, [.text("plumbline.\(table)")])
                    guard !found.rows.isEmpty else { return false }
                    try connection.script(statement(dataset, table, schema))
                    return true
                }
            }
            return .success(isAdopted)
        } catch { return .failure(error) }
    }

    /// A partitioned table cannot become a hypertable, so another takes its name, with its columns, indexes, rights and
    /// the views over it.
    private static func statement(_ dataset: String, _ table: String, _ schema: String) -> String {
        """
        DO $adoption$
        DECLARE
            parent oid := 'plumbline.\(table)'::regclass;
            item record;
        BEGIN
            SET LOCAL search_path = plumbline, pg_catalog, pg_temp;
            LOCK TABLE plumbline.\(table) IN ACCESS EXCLUSIVE MODE;
            CREATE TEMPORARY TABLE adoption_views ON COMMIT DROP AS
                WITH RECURSIVE dependants AS (
                    SELECT parent AS relation, 0 AS depth
                    UNION
                    SELECT rule.ev_class, dependants.depth + 1 FROM dependants
                    JOIN pg_depend AS link ON link.refclassid = 'pg_class'::regclass
                        AND link.refobjid = dependants.relation AND link.classid = 'pg_rewrite'::regclass
                    JOIN pg_rewrite AS rule ON rule.oid = link.objid AND rule.ev_class <> dependants.relation
                )
                SELECT relation, max(depth) AS depth, format('%I.%I', nspname, relname) AS name,
                    pg_get_viewdef(relation) AS definition, relacl AS rights
                FROM dependants JOIN pg_class ON pg_class.oid = relation
                JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE depth > 0 GROUP BY relation, relname, nspname, relacl;
            CREATE TEMPORARY TABLE adoption_rights ON COMMIT DROP AS
                SELECT relacl AS rights FROM pg_class WHERE oid = parent;
            FOR item IN SELECT * FROM adoption_views ORDER BY depth DESC LOOP
                EXECUTE format('DROP VIEW %s', item.name);
            END LOOP;
            CREATE TABLE plumbline.\(table)_adopted (LIKE plumbline.\(table) INCLUDING ALL);
            DROP TABLE plumbline.\(table);
            ALTER TABLE plumbline.\(table)_adopted RENAME TO \(table);
            PERFORM \(schema).create_hypertable('plumbline.\(table)'::regclass, 'time'::name,
                chunk_time_interval => (SELECT width FROM plumbline.partition_widths WHERE dataset = '\(dataset)'),
                create_default_indexes => false);
            FOR item IN SELECT entry.* FROM adoption_rights, aclexplode(rights) AS entry
                WHERE entry.grantee <> 0 AND entry.grantee <> entry.grantor LOOP
                EXECUTE format('GRANT %s ON plumbline.\(table) TO %I', item.privilege_type,
                    pg_get_userbyid(item.grantee));
            END LOOP;
            FOR item IN SELECT * FROM adoption_views ORDER BY depth LOOP
                EXECUTE format('CREATE VIEW %s AS %s', item.name, item.definition);
            END LOOP;
            FOR item IN SELECT name, entry.* FROM adoption_views, aclexplode(rights) AS entry
                WHERE entry.grantee <> 0 AND entry.grantee <> entry.grantor LOOP
                EXECUTE format('GRANT %s ON %s TO %I', item.privilege_type, item.name, pg_get_userbyid(item.grantee));
            END LOOP;
            DROP TABLE adoption_views, adoption_rights;
        END
        $adoption$
        """
    }
}
