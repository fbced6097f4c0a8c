import PromQL
import Synchronization

/// What was read of rollups lately. Dashboards ask for the same series of the same hours every few seconds.
///
/// Hours that are closed and not marked change only when they are made anew, which counts up a number that every look at
/// the store brings along (``StoreLook``): what was read under another number is forgotten.
final class RollupCache: Sendable {
    /// Which state of the rollups something was read in, or a later one.
    struct Edition: Hashable, Sendable {
        var store: String
        var generation: Int
    }

    /// What of a series was read.
    struct Key: Hashable {
        var series: SeriesOfSource
        var width: BucketWidth
        var purpose: BucketUse.Purpose
    }

    private struct Piece {
        var hours: Range<Int64>
        var column: RollupColumn

        func spans(_ wanted: Range<Int64>) -> Bool {
            hours.lowerBound <= wanted.lowerBound && wanted.upperBound <= hours.upperBound
        }
    }

    /// Two halves by age: when the younger is full it becomes the elder, and what nobody asked for since goes.
    private struct State {
        var edition: Edition?
        var young: [Key: Piece] = [:]
        var old: [Key: Piece] = [:]
        var youngBytes = 0
        var oldBytes = 0

        /// Whether what is here, or nothing, is of `edition`.
        mutating func follow(_ edition: Edition) -> Bool {
            if self.edition == edition { return true }
            // A look that others overtook; what it sees is in the database still.
            if let own = self.edition, own.store == edition.store, own.generation > edition.generation { return false }
            self = State(edition: edition)
            return true
        }

        mutating func put(_ piece: Piece, under key: Key, half: Int) {
            if let present = young.updateValue(piece, forKey: key) { youngBytes -= present.column.bytes }
            youngBytes += piece.column.bytes
            guard youngBytes > half else { return }
            (old, oldBytes, young, youngBytes) = (young, youngBytes, [:], 0)
        }
    }

    private let mostBytes: Int
    private let state = Mutex(State())

    init(mostBytes: Int) { self.mostBytes = mostBytes }

    /// Memory that it takes, in about.
    var bytes: Int { state.withLock { $0.youngBytes + $0.oldBytes } }

    /// For each key what is known of it, where that spans the hours.
    func columns(_ keys: [Key], _ hours: Range<Int64>, _ edition: Edition) -> [RollupColumn?] {
        state.withLock { state in
            guard state.follow(edition) else { return keys.map { _ in nil } }
            return keys.map { key in
                if let piece = state.young[key] { return piece.spans(hours) ? piece.column : nil }
                guard let piece = state.old[key], piece.spans(hours) else { return nil }
                state.put(piece, under: key, half: mostBytes / 2)
                return piece.column
            }
        }
    }

    /// Remembers what was read after a look that found `edition`.
    func insert(_ columns: [(key: Key, column: RollupColumn)], _ hours: Range<Int64>, _ edition: Edition) {
        // What would fill half of it is not asked for every few seconds.
        guard columns.reduce(0, { $0 + $1.column.bytes }) <= mostBytes / 2 else { return }
        state.withLock { state in
            guard state.follow(edition) else { return }
            for (key, column) in columns {
                state.put(Piece(hours: hours, column: column), under: key, half: mostBytes / 2)
            }
        }
    }
}
