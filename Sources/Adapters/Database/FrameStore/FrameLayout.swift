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

    /// Each series by itself: a list that changes all the time then makes no new layouts.
    static func single(_ series: [Series]) -> [LayoutPart] {
        series.indices.map { LayoutPart(series: [series[$0]], columns: [$0]) }
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
    /// ``Double/absent`` where a series is absent; the stale marker where it ended.
    var values: ArraySlice<Double>
    /// Which batch of its request it comes from: of two layouts with the same series the later batch counts.
    var order: Int

    /// Batches of one request that are told apart in the order of ingest.
    static let mostOrders = 1024

    /// How many series have a value.
    var sampleCount: Int { values.reduce(0) { $0 + ($1.isAbsent ? 0 : 1) } }

    func hasKey(of other: FrameRow) -> Bool {
        source == other.source && time == other.time && layout == other.layout
    }

    /// One order for all writers: two requests that share frames then wait for each other in turn, not in a circle.
    static func precedes(_ left: FrameRow, _ right: FrameRow) -> Bool {
        (left.source, left.time, left.layout) < (right.source, right.time, right.layout)
    }

    /// The same frame sent twice in one request: the later value of each series wins.
    mutating func merge(_ later: FrameRow) -> (duplicates: Int, replaced: Int) {
        var counts: (duplicates: Int, replaced: Int) = (0, 0)
        for (place, value) in zip(values.indices, later.values) where !value.isAbsent {
            let present: Double = values[place]
            if !present.isAbsent {
                if present.isSameSample(as: value) { counts.duplicates += 1 } else { counts.replaced += 1 }
            }
            values[place] = value
        }
        order = later.order
        return counts
    }
}

extension Double {
    /// Equal as PostgreSQL has it, so that a sample that comes twice counts the same wherever it is noticed: all NaNs
    /// are one, and so are 0 and -0. The end of a series is a state of its own.
    func isSameSample(as other: Double) -> Bool {
        self == other || (isNaN && other.isNaN && isStaleMarker == other.isStaleMarker)
    }
}
