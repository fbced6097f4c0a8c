/// Fills a database whose tables were made by `pg_restore --section=pre-data`; where there are hypertables, by
/// `--section=post-data` too.
package struct DatabaseImport: Sendable {
    private let connection: PostgresConnection

    /// As the superuser: the tables are several roles'.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Fills one table with what ``DatabaseExport/copy(_:_:)`` gave, in parts; nil ends it. Returns the number of rows.
    package func fill(
        schema: String, table: String, columns: [String], _ next: @Sendable () throws -> [UInt8]?
    ) async throws -> Int {
        let list: String = columns.isEmpty ? "" : " (\(columns.map(DatabaseBootstrap.quoted).joined(separator: ", ")))"
        return try await connection.copyIn(
            "COPY \(DatabaseExport.qualified(schema, table))\(list) FROM STDIN (FORMAT binary)", next: next)
    }

    /// Whether this PostgreSQL can hold hypertables.
    package func hasTimescale() async throws(DatabaseError) -> Bool {
        try await connection.execute(
            """
            SELECT current_setting('shared_preload_libraries') ~ 'timescaledb'
                AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS found
            """
        ).only().bool("found")
    }

    /// Makes hypertables of empty tables that have their indexes. TimescaleDB makes a chunk with the indexes that are
    /// there, and takes no index of pg_restore's later: so rows come last, and without the triggers that are there by now.
    package func make(_ hypertables: [Hypertable]) async throws(DatabaseError) {
        try await connection.perform { (connection) throws(DatabaseError) in
            let schema: String = try connection.execute(
                """
                SELECT quote_ident(nspname) AS name FROM pg_extension JOIN pg_namespace AS space
                    ON space.oid = extnamespace WHERE extname = 'timescaledb'
                """
            ).only().string("name")
            for one in hypertables {
                _ = try connection.execute(
                    """
                    SELECT \(schema).create_hypertable($1::regclass, $2::name, chunk_time_interval => $3::interval,
                        create_default_indexes => false)
                    """,
                    [.text(DatabaseExport.qualified(one.schema, one.name)), .text(one.column), .text(one.width)])
            }
            _ = try connection.execute("SET session_replication_role = replica")
        }
    }

    /// Ends what ``make(_:)`` began.
    package func letTriggersRun() async throws(DatabaseError) {
        _ = try await connection.execute("RESET session_replication_role")
    }

    package func set(_ sequences: [SequencePosition]) async throws(DatabaseError) {
        try await connection.perform { (connection) throws(DatabaseError) in
            for one in sequences {
                _ = try connection.execute(
                    "SELECT setval($1::regclass, $2::bigint, $3)",
                    [.text(DatabaseExport.qualified(one.schema, one.name)), .integer(one.last), .bool(one.isCalled)])
            }
        }
    }

    /// For the planner, which knows nothing of tables that were just filled.
    package func analyze() async throws(DatabaseError) { _ = try await connection.execute("ANALYZE") }
}
