import ColumnCodec
package import PromQL
package import Telemetry

/// Rollups: buckets of a minute, five minutes and an hour, made from the samples themselves, hour by hour.
///
/// An hour is closed once it is over and nobody is still writing live samples into it; from then on every transaction
/// that writes into it leaves a mark (``PostgresConnection/markRollups(_:now:)``), and its rollups are made anew from all
/// samples that are there. They are never added to, so nothing counts twice.
package struct RollupStore: Sendable {
    let pool: DatabasePool
    /// Where frames are.
    let raw: TimePartitions
    /// What sealed blocks are compressed with.
    let compression: ByteCompression?
    let tables: [BucketWidth: TimePartitions]

    init(pool: DatabasePool, raw: TimePartitions, compression: ByteCompression?) {
        self.pool = pool
        self.raw = raw
        self.compression = compression
        tables = Dictionary(
            uniqueKeysWithValues: BucketWidth.allCases.map { width in
                let name = "rollup_\(width.rawValue)"
                return (width, TimePartitions(pool, dataset: name, table: name))
            })
    }

    /// The partitions of a width's table, dataset `rollup_1m` and so on.
    package func partitioning(_ width: BucketWidth) -> TimePartitions {
        guard let table = tables[width] else { preconditionFailure("every width has a table") }
        return table
    }

    // MARK: What is closed

    /// How far rollups are, and which transactions are under way.
    package struct State: Hashable, Sendable {
        /// Hours before it are closed.
        package var closed: Timestamp
        /// Every transaction below it has ended.
        package var oldestUnfinished: UInt64
        /// No transaction at or above it had begun.
        package var nextTransaction: UInt64
    }

    /// Begins at the oldest frames that there are, or else with the hour of `now`.
    package func state(now: Timestamp) async throws(DatabaseError) -> State {
        let fallback: Timestamp = now.floored(to: .hours(1))
        return try await pool.withConnection { (connection) throws(DatabaseError) in
            if try connection.execute("SELECT FROM rollup_state").rows.isEmpty {
                _ = try connection.execute(
                    """
                    INSERT INTO rollup_state (closed)
                    SELECT coalesce(min(date_trunc('hour', from_time)), $1::timestamptz) FROM partitions
                    WHERE dataset = 'metrics' ON CONFLICT DO NOTHING
                    """, [.time(fallback)])
            }
            let row: SQLRow = try connection.execute(
                """
                SELECT closed, pg_snapshot_xmin(pg_current_snapshot())::text AS oldest,
                    pg_snapshot_xmax(pg_current_snapshot())::text AS next FROM rollup_state
                """
            ).only()
            return State(
                closed: try row.time("closed"), oldestUnfinished: UInt64(try row.string("oldest")) ?? 0,
                nextTransaction: UInt64(try row.string("next")) ?? .max)
        }
    }

    /// Says that the hours before `edge` have rollups.
    package func advance(to edge: Timestamp, under leadership: Leadership) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            _ = try connection.execute("UPDATE rollup_state SET closed = $1 WHERE closed < $1", [.time(edge)])
        }
    }

    // MARK: What is to do

    /// One source's hour that was written to after it was closed.
    package struct Mark: Hashable, Sendable {
        package var source: Int
        package var hour: Timestamp
        /// Transactions that did so and whose marks are there still.
        package var writes: Int
    }

    /// Some of the marked hours before `edge`, the newest first: they are looked at most.
    package func marks(before edge: Timestamp, atMost count: Int) async throws(DatabaseError) -> [Mark] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT hour, source, count(*) AS writes FROM rollup_marks WHERE hour < $1::timestamptz
                GROUP BY hour, source ORDER BY hour DESC, source LIMIT $2
                """, [.time(edge), .integer(count)])
            var marks: [Mark] = []
            for row in result.rows {
                marks.append(
                    Mark(
                        source: try row.int("source"), hour: try row.time("hour"), writes: try row.int("writes")))
            }
            return marks
        }
    }

    /// Whether the rollups of a time are made of all its samples: its hours are closed, where any ever was, and none waits
    /// to be made anew.
    package func areComplete(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> Bool {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                SELECT coalesce((SELECT closed >= $2::timestamptz FROM rollup_state), true)
                    AND NOT EXISTS (SELECT FROM rollup_marks
                        WHERE hour >= $1::timestamptz - interval '1 hour' AND hour < $2::timestamptz) AS are_complete
                """, [.time(from), .time(to)]
            ).only().bool("are_complete")
        }
    }

    /// All sources, in groups whose frames of an hour fit into memory together.
    package func groupsOfSources(seriesPerGroup: Int = 5_000) async throws(DatabaseError) -> [[Int]] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT source, sum(cardinality(series)) AS size FROM source_layouts AS pair
                JOIN layouts ON layouts.id = pair.layout GROUP BY source ORDER BY source
                """)
            var groups: [[Int]] = []
            var size: Int = seriesPerGroup
            for row in result.rows {
                let own: Int = try row.int("size")
                if size + own > seriesPerGroup {
                    groups.append([])
                    size = 0
                }
                groups[groups.count - 1].append(try row.int("source"))
                size += own
            }
            return groups
        }
    }
}
