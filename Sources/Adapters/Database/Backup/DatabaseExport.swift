import Telemetry

/// Everything that a database holds, as of one moment, while others write.
///
/// One transaction on one connection: what it reads is one consistent state, and `pg_dump` joins it by ``Snapshot/id``.
/// Which tables there are is asked of PostgreSQL, so that partitions, sealed blocks and what is still to come are carried
/// without anybody listing them.
package struct DatabaseExport: Sendable {
    package struct Table: Hashable, Sendable {
        package var schema: String
        package var name: String
        /// Without those that PostgreSQL computes.
        package var columns: [String]
        /// On disk, for an estimate of what is left to do.
        package var bytes: Int
        /// Its rows are in TimescaleDB's chunks, which are not carried by themselves.
        package var isHypertable = false
    }

    package struct Snapshot: Hashable, Sendable {
        /// For `pg_dump --snapshot`; good until ``finish()``.
        package var id: String
        package var facts: SnapshotFacts
        package var tables: [Table]
    }

    private let connection: PostgresConnection

    /// `connection` must be nobody else's until ``finish()``, and without a limit on how long a statement may take. Its
    /// role must be able to read everything; `plumbline` is.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Takes the snapshot, and holds every table so that none of them is dropped or changed until ``finish()``: retention
    /// then tries again later. Rows are written meanwhile as ever.
    package func begin() async throws(DatabaseError) -> Snapshot {
        for _ in 1..<Self.attempts {
            if let snapshot = try await attempt() { return snapshot }
        }
        guard let snapshot = try await attempt() else {
            throw DatabaseError(
                .busy, "tables are dropped faster than they can be held", operation: "take a snapshot",
                hint: "try again")
        }
        return snapshot
    }

    private static let attempts = 5

    /// Nil where a table went between the snapshot and its lock.
    private func attempt() async throws(DatabaseError) -> Snapshot? {
        try await connection.perform { (connection) throws(DatabaseError) in
            _ = try connection.execute(TransactionMode.snapshot.begin)
            var facts: SnapshotFacts = try Self.facts(connection)
            facts.hypertables = try Self.hypertables(connection)
            let tables: [Table] = try Self.tables(connection, facts.hypertables)
            let names: String = tables.map { Self.qualified($0.schema, $0.name) }.joined(separator: ", ")
            do throws(DatabaseError) { _ = try connection.execute("LOCK TABLE \(names) IN ACCESS SHARE MODE") } catch {
                _ = try? connection.execute("ROLLBACK")
                if error.isUndefinedTable { return nil }
                throw error
            }
            let id: String = try connection.execute("SELECT pg_export_snapshot() AS id").only().string("id")
            return Snapshot(id: id, facts: facts, tables: tables)
        }
    }

    /// Only tables that hold rows themselves. The parents of partitions are left alone: a lock on one would keep new
    /// partitions from being made for as long as the backup takes.
    private static func tables(
        _ connection: isolated PostgresConnection, _ hypertables: [Hypertable]
    ) throws(DatabaseError) -> [Table] {
        let result: SQLResult = try connection.execute(
            """
            SELECT namespace.nspname AS schema, class.relname AS name, pg_table_size(class.oid) AS bytes,
                (SELECT coalesce(sum(pg_table_size(inhrelid)), 0)::bigint FROM pg_inherits
                    WHERE inhparent = class.oid) AS children, ARRAY(
                SELECT attname::text FROM pg_attribute
                WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
            ) AS columns
            FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
            WHERE class.relkind = 'r' AND class.relpersistence <> 't' AND \(ours) ORDER BY 1, 2
            """)
        var tables: [Table] = []
        for row in result.rows {
            var table = Table(
                schema: try row.string("schema"), name: try row.string("name"), columns: try row.strings("columns"),
                bytes: try row.int("bytes"))
            if hypertables.contains(where: { $0.schema == table.schema && $0.name == table.name }) {
                table.isHypertable = true
                table.bytes = try row.int("children")
            }
            tables.append(table)
        }
        return tables
    }

    /// Neither PostgreSQL's nor an extension's, which makes its own again; TimescaleDB's chunks are no members of it.
    private static let ours = """
        namespace.nspname !~ '^pg_|^_timescaledb_' AND namespace.nspname <> 'information_schema' AND NOT EXISTS (
            SELECT FROM pg_depend AS belongs
            WHERE belongs.classid = 'pg_class'::regclass AND belongs.objid = class.oid AND belongs.deptype = 'e')
        """

    /// What `pg_dump` leaves out: TimescaleDB makes its own again, and the chunks when rows come.
    package static let schemasLeftOut = ["_timescaledb_*", "timescaledb_*"]

    private static func hypertables(
        _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> [Hypertable] {
        let found: SQLResult = try connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
        guard !found.rows.isEmpty else { return [] }
        var hypertables: [Hypertable] = []
        for row in try connection.execute(
            """
            SELECT hypertable_schema::text AS schema, hypertable_name::text AS name, column_name::text AS column,
                time_interval::text AS width, num_dimensions AS dimensions
            FROM timescaledb_information.dimensions JOIN timescaledb_information.hypertables
                USING (hypertable_schema, hypertable_name)
            ORDER BY 1, 2
            """
        ).rows {
            let table: String = qualified(try row.string("schema"), try row.string("name"))
            guard try row.int("dimensions") == 1, let width = row["width"].string else {
                throw DatabaseError(
                    .usage, "the hypertable \(table) is cut up by more than a time", operation: "back up",
                    hint: "Plumbline makes none like it; move it to another database")
            }
            hypertables.append(
                Hypertable(
                    schema: try row.string("schema"), name: try row.string("name"), column: try row.string("column"),
                    width: width))
        }
        return hypertables
    }

    private static func facts(_ connection: isolated PostgresConnection) throws(DatabaseError) -> SnapshotFacts {
        let row: SQLRow
        do throws(DatabaseError) {
            row = try connection.execute(
                """
                SELECT store_id::text AS store, now() AS taken, current_setting('server_version_num')::int / 10000 AS major
                FROM plumbline.stores
                """
            ).only()
        } catch {
            guard error.isUndefinedTable || error.isUndefinedSchema else { throw error }
            throw DatabaseError(
                .schema, "the database holds no Plumbline", operation: "back up",
                hint: "name the database that plumb-server uses")
        }
        var migrations: [Int: String] = [:]
        for one in try connection.execute("SELECT version, checksum FROM plumbline.schema_migrations").rows {
            migrations[try one.int("version")] = try one.string("checksum")
        }
        return SnapshotFacts(
            takenAt: try row.time("taken"), storeID: try row.string("store"), postgresMajor: try row.int("major"),
            migrations: migrations)
    }

    /// Gives a table's rows, in PostgreSQL's binary form: every bit survives. Returns their number.
    package func copy(
        _ table: Table, _ take: @Sendable (RawSpan) throws -> Void
    ) async throws -> Int {
        let columns: String = table.columns.map(DatabaseBootstrap.quoted).joined(separator: ", ")
        // A table without columns has no list; COPY of all columns then is the same.
        let list: String = columns.isEmpty ? "" : " (\(columns))"
        let name: String = Self.qualified(table.schema, table.name)
        let what: String = table.isHypertable ? "(SELECT \(columns) FROM \(name))" : "\(name)\(list)"
        return try await connection.copyOut("COPY \(what) TO STDOUT (FORMAT binary)", take)
    }

    /// Where every sequence stands: read after the rows, so never behind them.
    package func sequences() async throws(DatabaseError) -> [SequencePosition] {
        try await connection.perform { (connection) throws(DatabaseError) in
            let found: SQLResult = try connection.execute(
                """
                SELECT namespace.nspname AS schema, class.relname AS name
                FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
                WHERE class.relkind = 'S' AND \(Self.ours) ORDER BY 1, 2
                """)
            var positions: [SequencePosition] = []
            for row in found.rows {
                let (schema, name) = (try row.string("schema"), try row.string("name"))
                let at: SQLRow = try connection.execute(
                    "SELECT last_value, is_called FROM \(Self.qualified(schema, name))"
                ).only()
                positions.append(
                    SequencePosition(
                        schema: schema, name: name, last: try at.int("last_value"), isCalled: try at.bool("is_called")))
            }
            return positions
        }
    }

    /// Lets go of the snapshot.
    package func finish() async throws(DatabaseError) { _ = try await connection.execute("COMMIT") }

    static func qualified(_ schema: String, _ name: String) -> String {
        "\(DatabaseBootstrap.quoted(schema)).\(DatabaseBootstrap.quoted(name))"
    }
}
