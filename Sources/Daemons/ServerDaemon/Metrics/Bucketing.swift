import PromQL
import Telemetry

/// Aggregation over fixed buckets of time, without PromQL.
///
/// Widths and aggregations are closed lists. Buckets are half-open as everywhere in the product, (start, start + width],
/// aligned to 1970, ascending; a bucket without samples is absent.
struct Bucketing {
    enum Width: String, CaseIterable {
        case minute = "1m"
        case fiveMinutes = "5m"
        case quarterHour = "15m"
        case hour = "1h"
        case day = "1d"

        var span: PromDuration {
            switch self {
            case .minute: .minutes(1)
            case .fiveMinutes: .minutes(5)
            case .quarterHour: .minutes(15)
            case .hour: .hours(1)
            case .day: .days(1)
            }
        }
    }

    enum Aggregation: String, CaseIterable { case avg, min, max, sum, count, last, p95 }

    var width: Width
    var aggregation: Aggregation
    /// Labels that stay apart; samples that differ only in others are aggregated together.
    var groupBy: Set<String>

    struct Group: Hashable {
        var labels: Labels
        var points: [Point]
    }

    struct Point: Hashable {
        var time: Timestamp
        var value: Double
    }

    /// Groups in order of their labels.
    func aggregate(_ series: [SeriesData]) -> [Group] {
        var groups: [Labels: [Int64: [(time: Int64, value: Double)]]] = [:]
        let step: Int64 = width.span.milliseconds
        for item in series {
            let labels: Labels = item.labels.keeping(groupBy)
            for (time, value) in zip(item.times, item.values) where !value.isNaN {
                let bucket: Int64 = Timestamp(milliseconds: time - 1).floored(to: width.span).milliseconds
                assert(bucket < time && time <= bucket + step)
                groups[labels, default: [:]][bucket, default: []].append((time, value))
            }
        }
        return groups.sorted { $0.key < $1.key }.map { labels, buckets in
            Group(
                labels: labels,
                points: buckets.sorted { $0.key < $1.key }.compactMap { start, samples in
                    value(of: samples).map { Point(time: Timestamp(milliseconds: start), value: $0) }
                })
        }
    }

    private func value(of samples: [(time: Int64, value: Double)]) -> Double? {
        let values: [Double] = samples.map(\.value)
        switch aggregation {
        case .avg: return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        case .min: return values.min()
        case .max: return values.max()
        case .sum: return values.reduce(0, +)
        case .count: return Double(values.count)
        case .last: return samples.max { $0.time < $1.time }?.value
        case .p95: return Self.quantile(0.95, of: values.sorted())
        }
    }

    /// With linear interpolation between the two nearest, as PromQL's `quantile`.
    private static func quantile(_ part: Double, of sorted: [Double]) -> Double? {
        guard let last = sorted.last else { return nil }
        let rank: Double = part * Double(sorted.count - 1)
        let lower = Int(rank)
        guard lower + 1 < sorted.count else { return last }
        return sorted[lower] + (sorted[lower + 1] - sorted[lower]) * (rank - Double(lower))
    }
}
