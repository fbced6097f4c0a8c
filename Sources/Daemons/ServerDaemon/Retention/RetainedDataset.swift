import Database
import Declarations
import Telemetry

/// A part of a dataset that is kept for a time of its own.
enum RetainedPart: Hashable, Sendable, CustomStringConvertible {
    /// What was sent.
    case raw
    case rollup(RetentionSpec.RollupWidth)

    var description: String {
        switch self {
        case .raw: "raw"
        case .rollup(let width): "rollup \(width.rawValue)"
        }
    }

    /// For want of room what was sent goes first, then the finest rollups: they are small, and all that is left of a time.
    var rank: Int {
        switch self {
        case .raw: 0
        case .rollup(.minute): 1
        case .rollup(.fiveMinutes): 2
        case .rollup(.hour): 3
        }
    }
}

/// A dataset whose partitions retention drops.
struct RetainedDataset: Sendable {
    /// Partitions of one table.
    struct Table: Sendable {
        var part: RetainedPart
        var partitions: TimePartitions

        init(_ partitions: TimePartitions, part: RetainedPart = .raw) {
            self.part = part
            self.partitions = partitions
        }
    }

    var name: RetentionSpec.Dataset
    var tables: [Table]
    /// Whether all that is made of a raw partition's rows has been made. Where it has not, the partition waits, unless the
    /// disk is full.
    var isSummedUp: (@Sendable (TimePartition) async throws -> Bool)?
    /// What else goes with raw partitions that end before an instant; called after each of them.
    var afterDropping: (@Sendable (Timestamp) async throws -> Void)?

    /// Every partition of every table, with its part.
    func held() async throws -> [HeldPartition] {
        var held: [HeldPartition] = []
        for (index, table) in tables.enumerated() {
            held += try await table.partitions.all().map {
                HeldPartition(dataset: name, table: index, part: table.part, partition: $0)
            }
        }
        return held
    }
}

/// A partition and where it belongs.
struct HeldPartition: Hashable, Sendable {
    var dataset: RetentionSpec.Dataset
    /// The place of its table in the dataset.
    var table: Int
    var part: RetainedPart
    var partition: TimePartition
}
