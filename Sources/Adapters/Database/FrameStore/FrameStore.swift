package import ColumnCodec
import Runtime
package import Telemetry

/// Frames: one row per source, time and layout, in partitions by time.
package struct FrameStore: Sendable {
    let pool: DatabasePool
    let registry = FrameRegistry()
    let directory = SeriesDirectory()
    /// What is kept of samples by minute, five minutes and hour.
    package let rollups: RollupStore
    let compression: ByteCompression?
    private let now: @Sendable () -> Timestamp
    package let partitioning: TimePartitions

    /// `compression` is what sealed blocks are compressed with; without one those that are cannot be read.
    package init(
        pool: DatabasePool, compression: ByteCompression? = nil,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.pool = pool
        self.compression = compression
        self.now = now
        partitioning = TimePartitions(pool, dataset: "metrics", table: "frames")
        rollups = RollupStore(pool: pool, raw: partitioning, compression: compression)
    }

    /// Stores batches in one transaction and returns after its commit: all of them, or none and an error.
    ///
    /// Storing the same batch again stores nothing new. Where a frame is there already, each series' later value wins;
    /// a series that is absent from the later form keeps what it had.
    package func store(_ batches: [FrameBatch]) async throws(DatabaseError) -> IngestCounts {
        try await store(batches.map(FrameWrite.init))
    }

    /// The same, of flat frames.
    package func store(_ writes: [FrameWrite]) async throws(DatabaseError) -> IngestCounts {
        var rows: [FrameRow] = []
        for (order, write) in writes.enumerated() {
            rows += try await self.rows(of: write, order: min(order, FrameRow.mostOrders - 1))
        }
        guard !rows.isEmpty else { return IngestCounts() }
        for _ in 1..<Self.attempts {
            let outcome: Result<IngestCounts, DatabaseError> = await outcome(of: rows)
            guard case .failure(let error) = outcome, error.isUndefinedTable || error.isSerializationFailure else {
                return try outcome.get()
            }
            // A partition that was dropped meanwhile is made anew; a transaction that lost is run again.
            partitioning.forget()
        }
        return try await write(rows)
    }

    private static let attempts = 4

    private func outcome(of rows: [FrameRow]) async -> Result<IngestCounts, DatabaseError> {
        do throws(DatabaseError) { return .success(try await write(rows)) } catch { return .failure(error) }
    }

    private func write(_ rows: [FrameRow]) async throws(DatabaseError) -> IngestCounts {
        let (unique, inRequest) = Self.deduplicated(rows)
        let groups: [Group] = try await grouped(unique)
        if let copied = try await copy(groups) { return inRequest + copied }
        return inRequest + (try await merge(groups))
    }

    /// Rows of one partition.
    struct Group: Sendable {
        var partition: String
        var rows: [FrameRow]
    }

    /// Rows in the writers' order, one per key: of two in one request the later wins, series by series.
    private static func deduplicated(_ rows: [FrameRow]) -> ([FrameRow], IngestCounts) {
        var counts = IngestCounts()
        // Sorting is stable: of equal keys the later stays behind.
        let ordered: [FrameRow] = rows.sorted(by: FrameRow.precedes)
        var unique: [FrameRow] = []
        unique.reserveCapacity(ordered.count)
        for row in ordered {
            if let last = unique.last, last.hasKey(of: row) {
                let merged = unique[unique.count - 1].merge(row)
                counts.duplicates += merged.duplicates
                counts.replaced += merged.replaced
            } else {
                unique.append(row)
            }
        }
        return (unique, counts)
    }

    private func grouped(_ rows: [FrameRow]) async throws(DatabaseError) -> [Group] {
        var groups: [String: [FrameRow]] = [:]
        var place: PartitionPlace?
        for row in rows {
            if let known = place, known.from <= row.time, row.time < known.to {
                groups[known.table, default: []].append(row)
            } else {
                let found: PartitionPlace = try await partitioning.place(of: row.time)
                groups[found.table, default: []].append(row)
                place = found
            }
        }
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
                try markRollups(groups, connection)
            }
            return .success(())
        } catch { return .failure(error) }
    }

    /// Last in a transaction that writes frames.
    func markRollups(_ groups: [Group], _ connection: isolated PostgresConnection) throws(DatabaseError) {
        try connection.markRollups(groups.lazy.flatMap { $0.rows.lazy.map { ($0.source, $0.time) } }, now: now())
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
