import Telemetry

/// What is kept of one series' samples with `end` - width < time ≤ `end`: enough to answer aggregations, last values and
/// rates over whole buckets exactly as from the samples themselves.
///
/// Times are milliseconds since 1970. Values are meaningful where `count` is above zero.
package struct Bucket: Hashable, Sendable {
    package var end: Int64
    /// Samples, ends of the series not counted.
    package var count = 0
    package var sum = 0.0
    /// Smallest and largest; NaN only where every sample is NaN.
    package var min = 0.0
    package var max = 0.0
    package var first = 0.0
    package var firstTime: Int64 = 0
    package var last = 0.0
    package var lastTime: Int64 = 0
    /// The sum of the values that came right before a smaller one: what resets of a counter hid within the bucket.
    package var resets = 0.0
    /// When the series ended, where nothing came after that in this bucket.
    package var ended: Int64?

    package init(end: Int64) { self.end = end }

    /// Takes in the next sample in order of time.
    mutating func add(_ value: Double, at time: Int64) {
        guard !value.isStaleMarker else {
            ended = time
            return
        }
        ended = nil
        if count == 0 {
            (min, max, first, firstTime) = (value, value, value, time)
        } else {
            // As PromQL's min_over_time: a number takes the place of NaN.
            if value < min || min.isNaN { min = value }
            if value > max || max.isNaN { max = value }
            if value < last { resets += last }
        }
        count += 1
        sum += value
        (last, lastTime) = (value, time)
    }

    /// The buckets that samples in order of time make, those without any left out.
    package static func fold(times: [Int64], values: [Double], width: BucketWidth) -> [Bucket] {
        var buckets: [Bucket] = []
        for (index, time) in times.enumerated() {
            let end: Int64 = width.end(of: time)
            if buckets.last?.end != end { buckets.append(Bucket(end: end)) }
            buckets[buckets.count - 1].add(values[index], at: time)
        }
        return buckets
    }
}

/// Parts of a ``Bucket``: what a reader asks for, so that the rest need not travel.
package struct BucketColumns: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let count = BucketColumns(rawValue: 1)
    package static let sum = BucketColumns(rawValue: 2)
    package static let extremes = BucketColumns(rawValue: 4)
    /// First and last with their times, and what resets hid.
    package static let ends = BucketColumns(rawValue: 8)
    /// The last value with its time, and the end of the series.
    package static let last = BucketColumns(rawValue: 16)
    package static let all: BucketColumns = [.count, .sum, .extremes, .ends, .last]
}
