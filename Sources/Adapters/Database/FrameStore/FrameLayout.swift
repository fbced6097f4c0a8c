import PromQL
import Telemetry

/// The part of a batch that is stored under one layout: at most ``Limits/seriesPerLayout`` series.
struct LayoutPart: Sendable {
    var series: [Series]
    /// For each of `series` its column in the batch.
    var columns: [Int]
}

enum FrameLayout {
    /// The parts of a list of series: the list itself where it fits one layout, else by a stable hash of each series, so
    /// that a series stays where it is when others come and go.
    static func parts(of series: [Series]) -> [LayoutPart] {
        guard series.count > Limits.seriesPerLayout else {
            return [LayoutPart(series: series, columns: Array(series.indices))]
        }
        // Three quarters full on average leaves room for the unevenness of the hash.
        let count: Int = (series.count * 4 + Limits.seriesPerLayout * 3 - 1) / (Limits.seriesPerLayout * 3)
        var buckets: [[Int]] = Array(repeating: [], count: count)
        for column in series.indices {
            buckets[Int(stableHash(series[column].description) % UInt64(count))].append(column)
        }
        return buckets.flatMap { bucket in
            stride(from: 0, to: bucket.count, by: Limits.seriesPerLayout).map { start in
                let columns: [Int] = Array(bucket[start..<min(start + Limits.seriesPerLayout, bucket.count)])
                return LayoutPart(series: columns.map { series[$0] }, columns: columns)
            }
        }
    }

    /// FNV-1a, 64 bits (Fowler, Noll, Vo): the same in every process, unlike Swift's own hashes.
    static func stableHash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}

/// One row of `frames`, before it is encoded.
struct FrameRow: Sendable {
    var source: Int
    var time: Timestamp
    var layout: Int
    /// Nil where a series is absent; the stale marker where it ended.
    var values: [Double?]
    /// Which batch of its request it comes from: of two layouts with the same series the later batch counts.
    var order: Int

    /// Batches of one request that are told apart in the order of ingest.
    static let mostOrders = 1024

    struct Key: Hashable {
        var source: Int
        var time: Timestamp
        var layout: Int
    }

    var key: Key { Key(source: source, time: time, layout: layout) }

    /// How many series have a value.
    var sampleCount: Int { values.count { $0 != nil } }

    /// The same frame sent twice in one request: the later value of each series wins.
    mutating func merge(_ later: FrameRow) -> (duplicates: Int, replaced: Int) {
        var counts: (duplicates: Int, replaced: Int) = (0, 0)
        for (index, value) in later.values.enumerated() {
            guard let value else { continue }
            if let present = values[index] {
                if present.bitPattern == value.bitPattern { counts.duplicates += 1 } else { counts.replaced += 1 }
            }
            values[index] = value
        }
        order = later.order
        return counts
    }
}
