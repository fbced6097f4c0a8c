import Synchronization
package import Telemetry

/// Frames: one row per source, time and layout, in partitions by time.
package struct FrameStore: Sendable {
    let pool: DatabasePool
    let registry = FrameRegistry()
    let catalogue = PartitionCatalogue()

    package init(pool: DatabasePool) { self.pool = pool }

    /// Stores batches in one transaction and returns after its commit: all of them, or none and an error.
    ///
    /// Storing the same batch again stores nothing new. Where a frame is there already, each series' later value wins;
    /// a series that is absent from the later form keeps what it had.
    package func store(_ batches: [FrameBatch]) async throws(DatabaseError) -> IngestCounts {
        var rows: [FrameRow] = []
        for (order, batch) in batches.enumerated() {
            rows += try await self.rows(of: batch, order: min(order, FrameRow.mostOrders - 1))
        }
        guard !rows.isEmpty else { return IngestCounts() }
        for _ in 1..<Self.attempts {
            let outcome: Result<IngestCounts, DatabaseError> = await outcome(of: rows)
            guard case .failure(let error) = outcome, error.isUndefinedTable || error.isSerializationFailure else {
                return try outcome.get()
            }
            // A partition that was dropped meanwhile is made anew; a transaction that lost is run again.
            catalogue.forget()
        }
        return try await write(rows)
    }

    private static let attempts = 4

    private func outcome(of rows: [FrameRow]) async -> Result<IngestCounts, DatabaseError> {
        do throws(DatabaseError) { return .success(try await write(rows)) } catch { return .failure(error) }
    }

    private func write(_ rows: [FrameRow]) async throws(DatabaseError) -> IngestCounts {
        let (unique, inRequest) = Self.deduplicated(rows)
        // One order for all writers: two requests that share frames then wait for each other in turn, not in a circle.
        let ordered: [FrameRow] = unique.sorted { ($0.source, $0.time, $0.layout) < ($1.source, $1.time, $1.layout) }
        let groups: [Group] = try await grouped(ordered)
        if let copied = try await copy(groups) { return inRequest + copied }
        return inRequest + (try await merge(groups))
    }

    /// Rows of one partition.
    private struct Group: Sendable {
        var partition: String
        var rows: [FrameRow]
    }

    /// One row per key: of two in one request the later wins, series by series.
    private static func deduplicated(_ rows: [FrameRow]) -> ([FrameRow], IngestCounts) {
        var counts = IngestCounts()
        var places: [FrameRow.Key: Int] = [:]
        var unique: [FrameRow] = []
        unique.reserveCapacity(rows.count)
        for row in rows {
            if let place = places[row.key] {
                let merged = unique[place].merge(row)
                counts.duplicates += merged.duplicates
                counts.replaced += merged.replaced
            } else {
                places[row.key] = unique.count
                unique.append(row)
            }
        }
        return (unique, counts)
    }

    private func grouped(_ rows: [FrameRow]) async throws(DatabaseError) -> [Group] {
        var groups: [String: [FrameRow]] = [:]
        for row in rows { groups[try await partition(at: row.time), default: []].append(row) }
        return groups.sorted { $0.key < $1.key }.map { Group(partition: $0.key, rows: $0.value) }
    }

    // MARK: The optimistic way

    /// Straight into the partitions; nil, and nothing stored, where a frame is there already.
    private func copy(_ groups: [Group]) async throws(DatabaseError) -> IngestCounts? {
        let outcome: Result<Void, DatabaseError> = await copied(groups)
        if case .failure(let error) = outcome, error.isUniqueViolation { return nil }
        try outcome.get()
        var counts = IngestCounts()
        for group in groups { for row in group.rows { counts.stored += row.sampleCount } }
        return counts
    }

    private func copied(_ groups: [Group]) async -> Result<Void, DatabaseError> {
        do throws(DatabaseError) {
            try await inTransaction { (connection) throws(DatabaseError) in
                let sequence: Int = try connection.execute("SELECT nextval('frame_ingest_seq') AS n").only().int("n")
                for group in groups {
                    _ = try connection.copyIn(
                        "COPY \(group.partition) (\(FrameEncoder.columns)) FROM STDIN (FORMAT binary)",
                        FrameEncoder.encode(group.rows, sequence: sequence))
                }
            }
            return .success(())
        } catch { return .failure(error) }
    }

    // MARK: The way for what was sent before

    /// Through a temporary table: counts what is new, the same and other, then merges.
    private func merge(_ groups: [Group]) async throws(DatabaseError) -> IngestCounts {
        try await inTransaction { (connection) throws(DatabaseError) in
            var counts = IngestCounts()
            let sequence: Int = try connection.execute("SELECT nextval('frame_ingest_seq') AS n").only().int("n")
            _ = try connection.execute(
                "CREATE TEMPORARY TABLE incoming (LIKE frames INCLUDING DEFAULTS) ON COMMIT DROP")
            for group in groups {
                _ = try connection.copyIn(
                    "COPY incoming (\(FrameEncoder.columns)) FROM STDIN (FORMAT binary)",
                    FrameEncoder.encode(group.rows, sequence: sequence))
                let row: SQLRow = try connection.execute(Self.countQuery(group.partition)).only()
                counts.stored += try row.int("stored")
                counts.duplicates += try row.int("duplicates")
                counts.replaced += try row.int("replaced")
                _ = try connection.execute(Self.mergeStatement(group.partition))
                _ = try connection.execute("TRUNCATE incoming")
            }
            return counts
        }
    }

    /// Locks the frames that are there, so that the counts are true when the merge is done.
    private static func countQuery(_ partition: String) -> String {
        """
        WITH present AS MATERIALIZED (
            SELECT frames.source, frames.time, frames.layout, frames.values, frames.stale FROM \(partition) AS frames
            JOIN incoming USING (source, time, layout) FOR UPDATE OF frames
        )
        SELECT count(*) FILTER (WHERE NOT pair.was_there) AS stored,
            count(*) FILTER (WHERE pair.was_there AND pair.is_same) AS duplicates,
            count(*) FILTER (WHERE pair.was_there AND NOT pair.is_same) AS replaced
        FROM incoming LEFT JOIN present USING (source, time, layout)
        CROSS JOIN LATERAL generate_subscripts(incoming.values, 1) AS i
        CROSS JOIN LATERAL (
            SELECT coalesce(get_bit(incoming.stale, i - 1), 0) AS ends, coalesce(get_bit(present.stale, i - 1), 0) AS ended
        ) AS marks
        CROSS JOIN LATERAL (
            SELECT present.values[i] IS NOT NULL OR marks.ended = 1 AS was_there,
                incoming.values[i] IS NOT DISTINCT FROM present.values[i] AND marks.ends = marks.ended AS is_same
        ) AS pair
        WHERE incoming.values[i] IS NOT NULL OR marks.ends = 1
        """
    }

    private static func mergeStatement(_ partition: String) -> String {
        """
        INSERT INTO \(partition) AS present (\(FrameEncoder.columns)) SELECT \(FrameEncoder.columns) FROM incoming
        ON CONFLICT (source, time, layout) DO UPDATE SET
            values = merged_values(present.values, excluded.values, excluded.stale),
            stale = merged_stale(present.stale, excluded.values, excluded.stale), ingest_seq = excluded.ingest_seq
        WHERE present.values IS DISTINCT FROM excluded.values OR present.stale IS DISTINCT FROM excluded.stale
        """
    }

    func inTransaction<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        do { return try await pool.transaction { connection in try body(connection) } } catch let error as DatabaseError
        {
            throw error
        } catch { throw DatabaseError(.usage, "\(error)", operation: "store frames") }
    }
}
