import PromQL
import Telemetry

/// What was read of one series: samples thinned to the last of each bucket, or buckets.
struct RollupColumn: Sendable {
    var times: [Int64] = []
    var values: [Double] = []
    var buckets: [Bucket] = []

    init() {}

    /// Of samples up to an instant, what rollups of a reader's width would say; a last bucket that would end later ends
    /// there.
    init(_ times: [Int64], _ values: [Double], through: Int64, _ reader: RollupReader) {
        switch reader.purpose {
        case .lastSamples: (self.times, self.values) = (times, values)
        case .windows:
            buckets = Bucket.fold(times: times, values: values, width: reader.width)
            if let last = buckets.indices.last { buckets[last].end = min(buckets[last].end, through) }
        }
    }

    mutating func addLast(_ scratch: RollupScratch, _ slot: Int, start: Int64) {
        if let offset = scratch.lastAt[slot], let last = scratch.last[slot] {
            times.append(start + Int64(offset))
            values.append(last)
        }
        if let offset = scratch.ended[slot] {
            times.append(start + Int64(offset))
            values.append(.staleMarker)
        }
    }

    /// Rows of a partition come in order of time as a rule, not by promise.
    mutating func sort() {
        if zip(buckets, buckets.dropFirst()).contains(where: { $0.end > $1.end }) { buckets.sort { $0.end < $1.end } }
        guard zip(times, times.dropFirst()).contains(where: { $0 > $1 }) else { return }
        let order: [Int] = times.indices.sorted { times[$0] < times[$1] }
        times = order.map { times[$0] }
        values = order.map { values[$0] }
    }

    /// What lies after one instant up to another, whole buckets of `width` alone; a sample counts where its bucket
    /// touches the time.
    func part(after: Int64, through: Int64, width: BucketWidth) -> RollupColumn {
        var part = RollupColumn()
        let first: Int64 = width.end(of: after + 1) - width.milliseconds
        let last: Int64 = width.end(of: through)
        let lower: Int = times.firstPlace { $0 > first }
        let upper: Int = max(lower, times.firstPlace { $0 > last })
        part.times = Array(times[lower..<upper])
        part.values = Array(values[lower..<upper])
        let start: Int = buckets.firstPlace { $0.end > after }
        part.buckets = Array(buckets[start..<max(start, buckets.firstPlace { $0.end > through })])
        return part
    }

    /// Adds what comes later in time. Stretches meet at edges of hours and so of buckets, but the first may begin within
    /// one whose last sample comes twice.
    mutating func append(_ later: RollupColumn) {
        let edge: Int64 = times.last ?? .min
        let start: Int = later.times.firstIndex { $0 > edge } ?? later.times.count
        times += later.times[start...]
        values += later.values[start...]
        buckets += later.buckets
    }

    /// About.
    var bytes: Int { 64 + times.count * 16 + buckets.count * MemoryLayout<Bucket>.stride }
}

extension Array {
    /// The first place at which `isBeyond` holds, which from there on it does.
    fileprivate func firstPlace(_ isBeyond: (Element) -> Bool) -> Int {
        var (low, high): (Int, Int) = (0, count)
        while low < high {
            let middle: Int = (low + high) / 2
            if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
