import PromQL
import Telemetry

extension Bucketing {
    /// How rollups can answer between two instants; nil where only samples can.
    func use(from: Timestamp, to: Timestamp) -> BucketUse? {
        guard let columns = aggregation.columns else { return nil }
        let widths: [BucketWidth] = BucketWidth.descending.filter { narrow in
            [from.milliseconds, to.milliseconds, width.span.milliseconds].allSatisfy { $0 % narrow.milliseconds == 0 }
        }
        return widths.isEmpty ? nil : BucketUse(purpose: .windows(columns), widths: widths)
    }

    /// Groups in order of their labels, from series whose samples are in buckets. Nil where a sample that is not a
    /// number is among them: it does not count here, and in a sum it cannot be told any more.
    func aggregate(buckets series: [SeriesData]) -> [Group]? {
        var groups: [Labels: [Int64: Bucket]] = [:]
        for one in series {
            let labels: Labels = one.labels.keeping(groupBy)
            for bucket in one.buckets ?? [] where bucket.count > 0 {
                guard !bucket.sum.isNaN, !bucket.min.isNaN, !bucket.last.isNaN else { return nil }
                let start: Int64 = Timestamp(milliseconds: bucket.end - 1).floored(to: width.span).milliseconds
                groups[labels, default: [:]][start, default: Bucket(end: start)].take(bucket)
            }
        }
        return groups.sorted { $0.key < $1.key }.map { labels, buckets in
            Group(
                labels: labels,
                points: buckets.sorted { $0.key < $1.key }.map { start, bucket in
                    Point(time: Timestamp(milliseconds: start), value: value(of: bucket))
                })
        }
    }

    private func value(of bucket: Bucket) -> Double {
        switch aggregation {
        case .avg: bucket.sum / Double(bucket.count)
        case .min: bucket.min
        case .max: bucket.max
        case .sum: bucket.sum
        case .count: Double(bucket.count)
        case .last: bucket.last
        case .p95: preconditionFailure("needs the samples")
        }
    }
}

extension Bucketing.Aggregation {
    fileprivate var columns: BucketColumns? {
        switch self {
        // Sums say whether a sample is not a number.
        case .avg, .sum, .count: [.count, .sum]
        case .min, .max: [.count, .sum, .extremes]
        case .last: [.count, .sum, .ends]
        case .p95: nil
        }
    }
}

extension Bucket {
    /// Takes in another of the same group; of several last values the latest counts.
    fileprivate mutating func take(_ other: Bucket) {
        guard count > 0 else {
            let end: Int64 = end
            self = other
            self.end = end
            return
        }
        count += other.count
        sum += other.sum
        min = Swift.min(min, other.min)
        max = Swift.max(max, other.max)
        if other.lastTime > lastTime { (last, lastTime) = (other.last, other.lastTime) }
    }
}
