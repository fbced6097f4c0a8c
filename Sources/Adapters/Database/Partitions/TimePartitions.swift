import Synchronization
package import Telemetry

/// One partition of a dataset.
package struct TimePartition: Hashable, Sendable {
    package var name: String
    /// Included.
    package var from: Timestamp
    /// Not included.
    package var to: Timestamp
    /// On disk, indexes and out-of-line values included.
    package var bytes: Int
    /// As PostgreSQL estimates.
    package var rows: Int
}

/// The partitions that this process knows, by time.
final class PartitionCatalogue: Sendable {
    struct Entry: Hashable, Sendable {
        var name: String
        var from: Timestamp
        var to: Timestamp
    }

    private let entries = Mutex<[Entry]>([])

    func entry(at time: Timestamp) -> Entry? {
        entries.withLock { $0.first { $0.from <= time && time < $0.to } }
    }
    func remember(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    func forget() { entries.withLock { $0 = [] } }
}

/// The partitions of one dataset: a table that is partitioned by the column `time`, made on demand, found by name in the
/// catalogue and dropped whole. Readers and writers address partitions, never the parent.
package struct TimePartitions: Sendable {
    /// The dataset's name in the catalogue, `metrics`.
    package let dataset: String
    /// The parent table, whose name is also the beginning of its partitions' names.
    package let table: String
    private let pool: DatabasePool
    private let catalogue = PartitionCatalogue()

    /// `table` must be a name that needs no quotes; it goes into statements as it is.
    package init(_ pool: DatabasePool, dataset: String, table: String) {
        self.pool = pool
        self.dataset = dataset
        self.table = table
    }

    /// Forgets what this process knows of them: after a partition turned out to be gone.
    func forget() { catalogue.forget() }

    /// The partitions in order of time, with their sizes.
    package func all() async throws(DatabaseError) -> [TimePartition] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT name, from_time, to_time,
                    -- NULL where another server drops it at this moment.
                    coalesce(pg_total_relation_size(class.oid), 0) AS bytes,
                    greatest(class.reltuples::bigint, pg_stat_get_live_tuples(class.oid), 0) AS rows
                FROM partitions JOIN pg_class AS class ON class.relname = partitions.name
                    AND class.relnamespace = 'plumbline'::regnamespace
                WHERE dataset = $1 ORDER BY from_time
                """, [.text(dataset)])
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

    /// Drops a partition and everything in it. Waits at most 200 ms for readers, then fails: try again later.
    package func drop(_ partition: String) async throws(DatabaseError) {
        try await inTransaction { (connection) throws(DatabaseError) in
            let known: SQLResult = try connection.execute(
                "DELETE FROM partitions WHERE name = $1 AND dataset = $2 RETURNING name",
                [.text(partition), .text(dataset)])
            guard let name = try known.rows.first?.string("name") else { return }
            _ = try connection.execute("SET LOCAL lock_timeout = '200ms'")
            _ = try connection.execute("ALTER TABLE \(table) DETACH PARTITION \(name)")
            _ = try connection.execute("DROP TABLE \(name)")
        }
        catalogue.forget()
    }

    /// Makes the partitions that the next `span` needs, ahead of time.
    package func prepare(from start: Timestamp, for span: PromDuration) async throws(DatabaseError) {
        _ = try await name(at: start)
        _ = try await name(at: start + span)
    }

    /// The name of the partition that holds `time`, made where there is none.
    package func name(at time: Timestamp) async throws(DatabaseError) -> String {
        if let known = catalogue.entry(at: time) { return known.name }
        let entry: PartitionCatalogue.Entry = try await inTransaction { (connection) throws(DatabaseError) in
            if let present = try find(time, connection) { return present }
            // One maker at a time, across servers; who waited finds what the other made.
            _ = try connection.execute("SELECT pg_advisory_xact_lock(hashtext('plumbline.partitions'))")
            if let present = try find(time, connection) { return present }
            return try create(at: time, connection)
        }
        catalogue.remember(entry)
        return entry.name
    }

    /// The names of the partitions that hold instants from `from` (included) to `to` (not included), in order of time.
    package func names(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [String] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT name FROM partitions WHERE dataset = $1
                    AND to_time > $2::timestamptz AND from_time < $3::timestamptz ORDER BY from_time
                """, [.text(dataset), .time(from), .time(to)])
            var names: [String] = []
            for row in result.rows { names.append(try row.string("name")) }
            return names
        }
    }

    private func inTransaction<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        do { return try await pool.transaction { connection in try body(connection) } } catch let error as DatabaseError
        {
            throw error
        } catch { throw DatabaseError(.usage, "\(error)", operation: "partition \(table)") }
    }

    private func find(
        _ time: Timestamp, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> PartitionCatalogue.Entry? {
        let result: SQLResult = try connection.execute(
            """
            SELECT name, from_time, to_time FROM partitions
            WHERE dataset = $2 AND from_time <= $1::timestamptz AND to_time > $1::timestamptz
            """, [.time(time), .text(dataset)])
        guard let row = result.rows.first else { return nil }
        return PartitionCatalogue.Entry(
            name: try row.string("name"), from: try row.time("from_time"), to: try row.time("to_time"))
    }

    /// Made apart and attached; narrower than usual where a neighbour made under another width is in the way.
    private func create(
        at time: Timestamp, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> PartitionCatalogue.Entry {
        let bounds: SQLRow = try connection.execute(
            """
            WITH usual AS (
                SELECT width, date_bin(width, $1::timestamptz, timestamptz '2000-01-01 00:00:00+00') AS start
                FROM partition_widths WHERE dataset = $2
            )
            SELECT greatest(start, (SELECT max(to_time) FROM partitions
                    WHERE dataset = $2 AND to_time <= $1::timestamptz)) AS from_time,
                least(start + width, (SELECT min(from_time) FROM partitions
                    WHERE dataset = $2 AND from_time > $1::timestamptz)) AS to_time
            FROM usual
            """, [.time(time), .text(dataset)]
        ).only()
        let entry = PartitionCatalogue.Entry(
            name: partitionName(from: try bounds.time("from_time")), from: try bounds.time("from_time"),
            to: try bounds.time("to_time"))
        _ = try connection.execute("CREATE TABLE \(entry.name) (LIKE \(table) INCLUDING ALL)")
        _ = try connection.execute(
            "ALTER TABLE \(table) ATTACH PARTITION \(entry.name) FOR VALUES FROM ('\(entry.from)') TO ('\(entry.to)')")
        _ = try connection.execute(
            "INSERT INTO partitions (dataset, name, from_time, to_time) VALUES ($4, $1, $2, $3)",
            [.text(entry.name), .time(entry.from), .time(entry.to), .text(dataset)])
        return entry
    }

    /// `frames_20261121`, with hour and minute where the partition does not begin with the day.
    private func partitionName(from start: Timestamp) -> String {
        let digits: String = start.rfc3339.filter(\.isNumber)
        let isWholeDay: Bool = digits.dropFirst(8).allSatisfy { $0 == "0" }
        return "\(table)_" + (isWholeDay ? digits.prefix(8) : digits.prefix(14))
    }
}
