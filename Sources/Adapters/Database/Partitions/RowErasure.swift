import Declarations
package import Telemetry

/// Removes single rows of a partition of logs or events by their labels, page by page in the order of their key.
package struct RowErasure: Sendable {
    private let pool: DatabasePool
    private let partitions: TimePartitions
    private let kind: Kind

    /// Tables with the key (`time`, `id`).
    package enum Kind: Sendable { case logs, events }

    package init(_ pool: DatabasePool, _ partitions: TimePartitions, _ kind: Kind) {
        self.pool = pool
        self.partitions = partitions
        self.kind = kind
    }

    /// Gives how many rows went. Labels of a line: its own, `host`, `source`, `path` and `level`; of an event: `source`,
    /// `type`, `host` and `pipeline`.
    package func erase(
        from partition: TimePartition, pace: ErasurePace, where isDoomed: @Sendable (Labels) -> Bool
    ) async throws -> Int {
        let table: String = try await partitions.table(of: partition)
        var removed = 0
        var last = Key(time: partition.from, id: Int.min)
        while true {
            let step: ErasureStep = try await pace()
            let page: [Row] = try await page(of: table, partition, after: last, step.rows)
            let doomed: [Key] = page.filter { isDoomed($0.labels) }.map(\.key)
            if !doomed.isEmpty { removed += try await delete(doomed, from: table, under: step.leadership) }
            guard page.count == step.rows, let end = page.last?.key else { return removed }
            last = end
        }
    }

    private struct Key: Sendable {
        var time: Timestamp
        var id: Int
    }

    private struct Row: Sendable {
        var key: Key
        var labels: Labels
    }

    private var columns: [String] {
        switch kind {
        case .logs: ["host", "source", "path", "level"]
        case .events: ["host", "source", "type", "pipeline"]
        }
    }

    private func page(
        of table: String, _ partition: TimePartition, after last: Key, _ count: Int
    ) async throws(DatabaseError) -> [Row] {
        let names: [String] = columns
        let own: String = kind == .logs ? "labels" : "'{}'::jsonb AS labels"
        return try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT time, id, \(names.joined(separator: ", ")), \(own) FROM \(table)
                WHERE (time, id) > ($1::timestamptz, $2::bigint) AND time >= $3::timestamptz AND time < $4::timestamptz
                ORDER BY time, id LIMIT $5::bigint
                """,
                [.time(last.time), .integer(last.id), .time(partition.from), .time(partition.to), .integer(count)])
            var rows: [Row] = []
            rows.reserveCapacity(result.rows.count)
            for row in result.rows {
                var labels: [String: String] = (try row.json("labels").object ?? [:]).compactMapValues(\.string)
                for name in names { labels[name] = row[name].string }
                rows.append(
                    Row(key: Key(time: try row.time("time"), id: try row.int("id")), labels: Labels(labels)))
            }
            return rows
        }
    }

    private func delete(_ keys: [Key], from table: String, under leadership: Leadership) async throws -> Int {
        let forget: String =
            switch kind {
            case .logs: ""
            // What is known of their ids goes with them.
            case .events:
                """
                , forgotten AS (DELETE FROM event_keys USING gone
                    WHERE (event_keys.source, event_keys.source_id) = (gone.source, gone.source_id))
                """
            }
        let returned: String = kind == .logs ? "1" : "source, source_id"
        return try await pool.transaction { connection in
            try connection.verify(leadership)
            return try connection.execute(
                """
                WITH gone AS (
                    DELETE FROM \(table) WHERE (time, id) IN (
                        SELECT * FROM unnest($1::timestamptz[], $2::bigint[])) RETURNING \(returned)
                )\(forget)
                SELECT count(*) AS n FROM gone
                """, [.textArray(keys.map(\.time.rfc3339)), .integerArray(keys.map(\.id))]
            ).only().int("n")
        }
    }
}
