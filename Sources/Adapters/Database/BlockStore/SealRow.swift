import Telemetry

/// One frame on its way into a block, or one row of an older block on its way into a newer one.
struct SealRow: Hashable, Sendable {
    var layout: Int
    /// Microseconds since 1970.
    var time: Int64
    var sequence: Int
    /// Nil where a series is absent; the stale marker where it ended.
    var values: [Double?]

    /// Readers count whole milliseconds: what differs below them is one instant.
    var instant: Int64 { Timestamp(microseconds: time).milliseconds }
}

/// The rows of one source put in order, such that each series has at most one value at each instant.
struct SealRows {
    /// By layout, each in order of time.
    private(set) var rows: [Int: [SealRow]] = [:]

    /// `series` says for each layout which series its elements are of.
    init(_ unordered: [SealRow], series: [Int: [Int]]) {
        for (layout, group) in Dictionary(grouping: unordered, by: \.layout) { rows[layout] = Self.merged(group) }
        resolve(shared(series), series)
    }

    /// One row for each instant: of each series the value that was ingested last.
    private static func merged(_ group: [SealRow]) -> [SealRow] {
        let ordered: [SealRow] = group.sorted { ($0.instant, $0.sequence) < ($1.instant, $1.sequence) }
        var merged: [SealRow] = []
        merged.reserveCapacity(ordered.count)
        for row in ordered {
            guard let last = merged.last, last.instant == row.instant else {
                merged.append(row)
                continue
            }
            var row: SealRow = row
            for place in row.values.indices where row.values[place] == nil && place < last.values.count {
                row.values[place] = last.values[place]
            }
            merged[merged.count - 1] = row
        }
        return merged
    }

    /// Series that stand in more than one of the layouts.
    private func shared(_ series: [Int: [Int]]) -> Set<Int> {
        var (seen, shared): (Set<Int>, Set<Int>) = ([], [])
        for layout in rows.keys {
            for id in series[layout] ?? [] where !seen.insert(id).inserted { shared.insert(id) }
        }
        return shared
    }

    /// Of two layouts that have a value of one series at one instant, the one that was ingested last keeps it.
    private mutating func resolve(_ shared: Set<Int>, _ series: [Int: [Int]]) {
        struct Place { var layout: Int; var row: Int; var element: Int; var sequence: Int }
        for id in shared {
            var held: [Int64: Place] = [:]
            for layout in rows.keys.sorted() {
                guard let element = series[layout]?.firstIndex(of: id) else { continue }
                for (number, row) in (rows[layout] ?? []).enumerated()
                where element < row.values.count && row.values[element] != nil {
                    let place = Place(layout: layout, row: number, element: element, sequence: row.sequence)
                    let loser: Place?
                    if let other = held[row.instant], other.sequence > row.sequence {
                        loser = place
                    } else {
                        loser = held.updateValue(place, forKey: row.instant)
                    }
                    if let loser { rows[loser.layout]?[loser.row].values[loser.element] = nil }
                }
            }
        }
    }
}
