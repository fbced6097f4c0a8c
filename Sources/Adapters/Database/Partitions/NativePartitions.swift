package import Telemetry

/// PostgreSQL's own partitions of a table by range of `time`, with a catalogue that says which one holds which time.
package struct NativePartitions: Partitioning {
    private let dataset: String
    private let table: String
    private let pool: DatabasePool

    /// `table` must be a name that needs no quotes; it goes into statements as it is.
    package init(_ pool: DatabasePool, dataset: String, table: String) {
        self.pool = pool
        self.dataset = dataset
        self.table = table
    }

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
                -- What is being made or about to go is sealing's to look after.
                WHERE dataset = $1 AND state IN ('open', 'closed', 'sealed') ORDER BY from_time, name
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

    package func tables(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [String] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.prepared(
                """
                SELECT name FROM partitions WHERE dataset = $1 AND state IN ('open', 'closed')
                    AND to_time > $2::timestamptz AND from_time < $3::timestamptz ORDER BY from_time
                """, [.text(dataset), .time(from), .time(to)])
            var names: [String] = []
            for row in result.rows { names.append(try row.string("name")) }
            return names
        }
    }

    package func contents(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [PartitionContent] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.prepared(
                """
                SELECT name, state = 'sealed' AS is_sealed FROM partitions
                WHERE dataset = $1 AND state IN ('open', 'closed', 'sealed')
                    AND to_time > $2::timestamptz AND from_time < $3::timestamptz ORDER BY from_time, is_sealed DESC, name
                """, [.text(dataset), .time(from), .time(to)])
            var contents: [PartitionContent] = []
            for row in result.rows {
                contents.append(
                    PartitionContent(table: try row.string("name"), isSealed: try row.bool("is_sealed")))
            }
            return contents
        }
    }

    // MARK: Making

    package func place(of time: Timestamp) async throws(DatabaseError) -> PartitionPlace {
        do {
            return try await pool.transaction { connection in
                if let present = try find(time, connection) { return present }
                // One maker at a time, across servers; who waited finds what the other made.
                _ = try connection.execute("SELECT pg_advisory_xact_lock(hashtext('plumbline.partitions'))")
                if let present = try find(time, connection) { return present }
                return try create(at: time, connection)
            }
        } catch let error as DatabaseError { throw error } catch {
            throw DatabaseError(.usage, "\(error)", operation: "partition \(table)")
        }
    }

    private func find(
        _ time: Timestamp, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> PartitionPlace? {
        let result: SQLResult = try connection.execute(
            """
            SELECT name, from_time, to_time FROM partitions
            WHERE dataset = $2 AND state = 'open' AND from_time <= $1::timestamptz AND to_time > $1::timestamptz
            """, [.time(time), .text(dataset)])
        guard let row = result.rows.first else { return nil }
        return PartitionPlace(
            table: try row.string("name"), from: try row.time("from_time"), to: try row.time("to_time"))
    }

    /// Made apart and attached; narrower than usual where a neighbour made under another width is in the way.
    private func create(
        at time: Timestamp, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> PartitionPlace {
        if let late = try createLate(at: time, connection) { return late }
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
        let place = PartitionPlace(
            table: partitionName(from: try bounds.time("from_time")), from: try bounds.time("from_time"),
            to: try bounds.time("to_time"))
        // Numbers are drawn by the parent: a partition needs no generator of its own.
        _ = try connection.execute("CREATE TABLE \(place.table) (LIKE \(table) INCLUDING ALL EXCLUDING IDENTITY)")
        _ = try connection.execute(
            "ALTER TABLE \(table) ATTACH PARTITION \(place.table) FOR VALUES FROM ('\(place.from)') TO ('\(place.to)')")
        _ = try connection.execute(
            "INSERT INTO partitions (dataset, name, from_time, to_time) VALUES ($4, $1, $2, $3)",
            [.text(place.table), .time(place.from), .time(place.to), .text(dataset)])
        return place
    }

    /// For late rows of a span that is sealed or being sealed: a table of its own with the span's bounds, which cannot be a
    /// partition of the parent, as that may still have the span's first table; nil where the span is not sealed.
    private func createLate(
        at time: Timestamp, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> PartitionPlace? {
        let covering: SQLResult = try connection.execute(
            """
            SELECT from_time, to_time, nextval('partition_number') AS number FROM partitions
            WHERE dataset = $2 AND from_time <= $1::timestamptz AND to_time > $1::timestamptz LIMIT 1
            """, [.time(time), .text(dataset)])
        guard let row = covering.rows.first else { return nil }
        let from: Timestamp = try row.time("from_time")
        let place = PartitionPlace(
            table: "\(partitionName(from: from))_late_\(try row.int("number"))", from: from, to: try row.time("to_time")
        )
        // For SQL clients, who read its parent.
        _ = try connection.execute(
            "CREATE TABLE \(place.table) (LIKE \(table) INCLUDING ALL EXCLUDING IDENTITY) INHERITS (\(table)_late)")
        _ = try connection.execute(
            "INSERT INTO partitions (dataset, name, from_time, to_time) VALUES ($4, $1, $2, $3)",
            [.text(place.table), .time(place.from), .time(place.to), .text(dataset)])
        return place
    }

    /// `frames_20261121`, with hour and minute where the partition does not begin with the day.
    private func partitionName(from start: Timestamp) -> String {
        let digits: String = start.rfc3339.filter(\.isNumber)
        let isWholeDay: Bool = digits.dropFirst(8).allSatisfy { $0 == "0" }
        return "\(table)_" + (isWholeDay ? digits.prefix(8) : digits.prefix(14))
    }

    // MARK: Dropping

    /// A drop needs the parent's lock, and while it waits for it everybody who comes later waits behind it. So it is
    /// tried without waiting, some times, and at last with a wait of 200 ms, where nobody is in the way who was there
    /// long before.
    package func drop(_ partition: String, under leadership: Leadership?) async throws {
        for _ in 0..<Self.attempts {
            if try await hasDropped(partition, under: leadership, waiting: false) { return }
            try await pool.configuration.clock.sleep(for: Self.pause)
        }
        guard try await isWaitingWorthIt(), try await hasDropped(partition, under: leadership, waiting: true) else {
            throw DatabaseError(
                .server, "somebody reads \(partition) or its table \(table)", operation: "drop partition \(partition)",
                sqlState: "55P03",
                hint: "it is tried again; see pg_stat_activity for sessions that stay in a transaction")
        }
    }

    private static let attempts = 8
    private static let pause: Duration = .milliseconds(25)

    /// False where a lock was not to be had.
    private func hasDropped(_ partition: String, under leadership: Leadership?, waiting: Bool) async throws -> Bool {
        do {
            try await pool.transaction { connection in
                if let leadership { try connection.verify(leadership) }
                let known: SQLResult = try connection.execute(
                    "DELETE FROM partitions WHERE name = $1 AND dataset = $2 RETURNING name",
                    [.text(partition), .text(dataset)])
                guard let name = try known.rows.first?.string("name") else { return }
                _ = try connection.execute("SET LOCAL lock_timeout = '200ms'")
                _ = try connection.execute("LOCK TABLE \(name) IN ACCESS EXCLUSIVE MODE NOWAIT")
                _ = try connection.execute(
                    "LOCK TABLE ONLY \(table) IN ACCESS EXCLUSIVE MODE \(waiting ? "" : "NOWAIT")")
                _ = try connection.execute("DROP TABLE \(name)")
            }
            return true
        } catch let error as DatabaseError {
            guard error.isLockTimeout else { throw error }
            return false
        }
    }

    /// Whether everybody who holds a lock of the parent came lately, and is likely to be gone soon.
    private func isWaitingWorthIt() async throws -> Bool {
        try await pool.withConnection { [table] (connection) throws(DatabaseError) in
            try connection.execute(
                """
                SELECT NOT EXISTS (
                    SELECT FROM pg_locks AS held LEFT JOIN pg_stat_activity AS session USING (pid)
                    WHERE held.relation = to_regclass($1) AND held.granted AND held.pid <> pg_backend_pid()
                        AND coalesce(session.xact_start, '-infinity') < clock_timestamp() - interval '100 ms'
                ) AS worth
                """, [.text("plumbline.\(table)")]
            ).only().bool("worth")
        }
    }
}
