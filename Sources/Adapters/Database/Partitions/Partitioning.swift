package import Telemetry

/// How the rows of one dataset are cut up by time, so that old ones go without being deleted one by one. PostgreSQL's
/// own partitions (``NativePartitions``) or the chunks of a TimescaleDB hypertable (``HypertablePartitions``).
package protocol Partitioning: Sendable {
    /// What rows at `time` are written into and read from, made where there is none.
    func place(of time: Timestamp) async throws(DatabaseError) -> PartitionPlace
    /// The tables that hold instants from `from` (included) to `to` (not included), in order of time.
    func tables(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [String]
    /// The tables that together hold every row of those instants once, and in what form.
    func contents(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [PartitionContent]
    /// The partitions in order of time, with their sizes.
    func all() async throws(DatabaseError) -> [TimePartition]
    /// Drops a partition and everything in it, once nobody reads it; what is no partition of the dataset is left alone.
    ///
    /// With a leadership nothing happens unless it is still held. A partition that somebody reads throws an error that
    /// is ``DatabaseError/isLockTimeout``: try again later. Never makes others wait for longer than 200 ms.
    func drop(_ partition: String, under leadership: Leadership?) async throws
}

extension Partitioning {
    package func contents(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [PartitionContent] {
        try await tables(from: from, to: to).map { PartitionContent(table: $0, isSealed: false) }
    }
}

/// A table to read, and in what form it holds the rows of its span.
package struct PartitionContent: Hashable, Sendable {
    package var table: String
    /// Blocks of columns; else the rows themselves.
    package var isSealed: Bool

    package init(table: String, isSealed: Bool) {
        self.table = table
        self.isSealed = isSealed
    }
}

/// Where rows of a span of time are.
package struct PartitionPlace: Hashable, Sendable {
    /// The table that statements name.
    package var table: String
    /// Included.
    package var from: Timestamp
    /// Not included.
    package var to: Timestamp

    package init(table: String, from: Timestamp, to: Timestamp) {
        self.table = table
        self.from = from
        self.to = to
    }
}

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

    package init(name: String, from: Timestamp, to: Timestamp, bytes: Int = 0, rows: Int = 0) {
        self.name = name
        self.from = from
        self.to = to
        self.bytes = bytes
        self.rows = rows
    }
}

/// By what a dataset is partitioned.
package enum PartitioningStyle: String, Hashable, Sendable {
    /// Partitions of PostgreSQL, found by name in the catalogue.
    case native
    /// Chunks of a TimescaleDB hypertable, which statements name as a whole.
    case hypertable
}
