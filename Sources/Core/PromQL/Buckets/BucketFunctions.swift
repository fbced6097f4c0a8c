import Telemetry

/// What one step sees of a series whose samples are in buckets: whole buckets, at least one of them with a sample.
struct BucketWindow {
    let buckets: ArraySlice<Bucket>
    let start: Int64
    let end: Int64

    /// Those with samples, in order of time.
    private var filled: LazyFilterSequence<ArraySlice<Bucket>> { buckets.lazy.filter { $0.count > 0 } }

    var count: Int { buckets.reduce(0) { $0 + $1.count } }

    var sum: Double {
        var sum = CompensatedSum()
        for bucket in filled { sum.add(bucket.sum) }
        return sum.total
    }

    var least: Double { filled.map(\.min).reduce(.nan) { $1 < $0 || $0.isNaN ? $1 : $0 } }
    var greatest: Double { filled.map(\.max).reduce(.nan) { $1 > $0 || $0.isNaN ? $1 : $0 } }

    var ends: (first: Bucket, last: Bucket)? {
        guard let first = buckets.first(where: { $0.count > 0 }), let last = buckets.last(where: { $0.count > 0 })
        else { return nil }
        return (first, last)
    }

    /// What resets hid, within buckets and between them.
    var resets: Double {
        var total = 0.0
        var previous: Bucket?
        for bucket in filled {
            if let previous, bucket.first < previous.last { total += previous.last }
            total += bucket.resets
            previous = bucket
        }
        return total
    }
}

/// Functions of one window of buckets. Those that are not here need the samples themselves.
enum BucketFunctions {
    static func function(_ function: Function) -> ((BucketWindow) -> Double?)? {
        switch function {
        case .rate: { extrapolated($0, isCounter: true, isRate: true) }
        case .increase: { extrapolated($0, isCounter: true, isRate: false) }
        case .delta: { extrapolated($0, isCounter: false, isRate: false) }
        case .firstOverTime: { $0.ends?.first.first }
        case .lastOverTime: { $0.ends?.last.last }
        case .avgOverTime: { $0.sum / Double($0.count) }
        case .sumOverTime: { $0.sum }
        case .minOverTime: { $0.least }
        case .maxOverTime: { $0.greatest }
        case .countOverTime: { Double($0.count) }
        case .presentOverTime, .absentOverTime: { _ in 1 }
        default: nil
        }
    }

    /// What of each bucket a function looks at.
    static func columns(_ function: Function) -> BucketColumns {
        switch function {
        case .avgOverTime: [.count, .sum]
        case .sumOverTime: [.count, .sum]
        case .minOverTime, .maxOverTime: [.count, .extremes]
        case .firstOverTime, .lastOverTime, .rate, .increase, .delta: [.count, .ends]
        default: [.count]
        }
    }

    private static func extrapolated(_ window: BucketWindow, isCounter: Bool, isRate: Bool) -> Double? {
        guard let (first, last) = window.ends, window.count > 1 else { return nil }
        let difference: Double = last.last - first.first + (isCounter ? window.resets : 0)
        return RangeFunctions.extrapolated(
            RangeFunctions.Ends(
                first: first.first, firstTime: first.firstTime, lastTime: last.lastTime, count: window.count,
                start: window.start, end: window.end),
            difference: difference, isCounter: isCounter, isRate: isRate)
    }
}
