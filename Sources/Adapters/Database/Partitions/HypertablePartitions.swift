package import Telemetry

/// The chunks of a TimescaleDB hypertable. Rows go into the table and TimescaleDB finds their chunk; the catalogue is
/// TimescaleDB's.
package struct HypertablePartitions: Partitioning {
    private let dataset: String
    private let table: String
    private let pool: DatabasePool

    /// `table` must be a name that needs no quotes; it goes into statements as it is.
    package init(_ pool: DatabasePool, dataset: String, table: String) {
        self.pool = pool
        self.dataset = dataset
        self.table = table
    }

    /// The years 1 and 9999, which both sides can write.
    private static let earliest = Timestamp(milliseconds: -62_135_596_800_000)
    private static let latest = Timestamp(milliseconds: 253_402_300_799_000)

    package func place(of time: Timestamp) async throws(DatabaseError) -> PartitionPlace {
        PartitionPlace(table: table, from: Self.earliest, to: Self.latest)
    }

    package func tables(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [String] { [table] }

    package func all() async throws(DatabaseError) -> [TimePartition] {
        try await pool.withConnection { [table] (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT chunk_name AS name, range_start AS from_time, range_end AS to_time,
                    coalesce(pg_total_relation_size(class.oid), 0) AS bytes,
                    greatest(class.reltuples::bigint, pg_stat_get_live_tuples(class.oid), 0) AS rows
                FROM timescaledb_information.chunks JOIN pg_class AS class
                    ON class.oid = to_regclass(format('%I.%I', chunk_schema, chunk_name))
                WHERE hypertable_schema = 'plumbline' AND hypertable_name = $1 ORDER BY range_start
                """, [.text(table)])
            var partitions: [TimePartition] = []
            for row in result.rows {
                partitions.append(
                    TimePartition(
                        name: try row.string("name"), from: try row.time("from_time"), to: try row.time("to_time"),
                        bytes: try row.int("bytes"), rows: try row.int("rows")))
            }
            return partitions
        }
    }

    package func drop(_ partition: String, under leadership: Leadership?) async throws {
        try await pool.transaction { [table] connection in
            if let leadership { try connection.verify(leadership) }
            let known: SQLResult = try connection.execute(
                """
                SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk, range_start AS from_time, range_end AS to_time,
                    (SELECT format('%I', nspname) FROM pg_extension JOIN pg_namespace AS space
                        ON space.oid = extnamespace WHERE extname = 'timescaledb') AS extension
                FROM timescaledb_information.chunks
                WHERE hypertable_schema = 'plumbline' AND hypertable_name = $1 AND chunk_name = $2
                """, [.text(table), .text(partition)])
            guard let chunk = known.rows.first else { return }
            _ = try connection.execute("SET LOCAL lock_timeout = '200ms'")
            _ = try connection.execute("LOCK TABLE \(try chunk.string("chunk")) IN ACCESS EXCLUSIVE MODE NOWAIT")
            _ = try connection.execute(
                """
                SELECT \(try chunk.string("extension")).drop_chunks(
                    $1::regclass, older_than => $2::timestamptz, newer_than => $3::timestamptz)
                """,
                [
                    .text("plumbline.\(table)"), .time(try chunk.time("to_time")), .time(try chunk.time("from_time")),
                ])
        }
    }
}
