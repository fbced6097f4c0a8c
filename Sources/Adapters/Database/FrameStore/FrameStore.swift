package import ColumnCodec
import Runtime
package import Telemetry

/// Frames: one row per source, time and layout, in partitions by time.
///
/// A store goes through three steps: the batches' lists of series become plans (`FrameStore+Registration`), their frames
/// become rows, and the rows wait for a transaction that they share with those of other requests (`CommitQueue`).
package struct FrameStore: Sendable {
    let pool: DatabasePool
    let registry = FrameRegistry()
    let limits: FrameLimits
    let now: @Sendable () -> Timestamp
    let directory = SeriesDirectory()
    /// What is kept of samples by minute, five minutes and hour.
    package let rollups: RollupStore
    let rollupCache = RollupCache(mostBytes: 64 << 20)
    let compression: ByteCompression?
    package let partitioning: TimePartitions
    private let commits: CommitQueue

    /// `compression` is what sealed blocks are compressed with; without one those that are cannot be read.
    package init(
        pool: DatabasePool, limits: FrameLimits = FrameLimits(), compression: ByteCompression? = nil,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.pool = pool
        self.limits = limits
        self.compression = compression
        self.now = now
        partitioning = TimePartitions(pool, dataset: "metrics", table: "frames")
        rollups = RollupStore(pool: pool, raw: partitioning, compression: compression)
        commits = CommitQueue(FrameWriter(pool: pool, partitioning: partitioning, now: now))
    }

    /// Stores batches and returns after their commit: all of them, or none and an error.
    ///
    /// Storing the same batch again stores nothing new. Where a frame is there already, each series' later value wins;
    /// a series that is absent from the later form keeps what it had.
    package func store(_ batches: [FrameBatch]) async throws(DatabaseError) -> IngestCounts {
        try await store(batches.map(FrameWrite.init)).counts
    }

    /// The same, of flat frames. Series beyond the limits are refused one by one, and the rest is stored.
    package func store(_ writes: [FrameWrite]) async throws(DatabaseError) -> FrameOutcome {
        var outcome = FrameOutcome()
        var rows: [FrameRow] = []
        for (order, write) in writes.enumerated() {
            let plan: FramePlan = try await plan(for: write)
            if plan.becameRestless { outcome.restless.append(write.source) }
            for column in plan.refused {
                let samples: Int = write.table.sampleCount(column: column)
                guard samples > 0 else { continue }
                outcome.refused.append(.init(batch: order, series: write.series[column], samples: samples))
                outcome.counts.rejected += samples
            }
            FrameRow.append(write.table, plan, order: min(order, FrameRow.mostOrders - 1), to: &rows)
        }
        let request = CommitRequest(rows: rows)
        outcome.counts = outcome.counts + request.inRequest
        guard !request.rows.isEmpty else { return outcome }
        outcome.counts = outcome.counts + (try await commits.store(request))
        return outcome
    }

    /// What waits for a commit now.
    package var waiting: (requests: Int, values: Int) { commits.waiting }
}

extension FrameRow {
    /// Adds the rows of a table: one for each frame and part.
    static func append(_ table: FrameTable, _ plan: FramePlan, order: Int, to rows: inout [FrameRow]) {
        for part in plan.parts {
            let own: FrameTable = part.columns.map { table.keeping(columns: $0) } ?? table
            guard own.width > 0 else { continue }
            for (index, time) in own.times.enumerated() {
                rows.append(
                    FrameRow(
                        source: plan.source, time: time, layout: part.layout, values: own.row(index), order: order))
            }
        }
    }
}
