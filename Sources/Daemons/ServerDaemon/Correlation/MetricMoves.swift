import Telemetry

/// A series that was otherwise around a moment than before it.
struct MetricMove: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable { case moved, appeared, ended }

    var labels: Labels
    var kind: Kind
    /// The usual value before, per second for counters; nil where it appeared.
    var before: Double?
    /// The mean around the moment, per second for counters; nil where it ended.
    var during: Double?
    /// Whether the values are rates of a counter.
    var isRate: Bool
    /// How many of its usual deviations it went away from its usual value; at most ``MetricMoves/highest``.
    var score: Double
}

/// A producer of a host all of whose series came or went: said once, not once per series.
struct SourceMove: Hashable, Sendable {
    var host: String
    var producer: String
    var kind: MetricMove.Kind
    var series: Int
}

/// Which part of time is looked at.
struct CorrelationSpan: Hashable, Sendable {
    /// The moment.
    var time: Timestamp
    /// How far before and after it.
    var window: PromDuration

    var from: Timestamp { time - window }
    var to: Timestamp { time + window }
    /// What came before is four times as long as half of what is looked at.
    var baselineFrom: Timestamp { from - PromDuration(milliseconds: window.milliseconds * 4) }
    /// Samples are compared by the mean of buckets: twenty before, ten around.
    var bucket: PromDuration { PromDuration(milliseconds: max(1000, window.milliseconds / 5)) }
}

/// Finds what moved. Functions of their arguments.
enum MetricMoves {
    static let highest = 1000.0
    /// Less than four usual deviations happen by themselves among hundreds of series.
    static let least = 4.0
    /// A series that came or went is as remarkable as one that went fifty deviations away.
    static let presence = 50.0
    /// Of a constant the smallest change is infinitely many deviations; below two parts in a hundred it is none.
    private static let leastShare = 0.02
    /// Fewer buckets before the moment say nothing about what is usual.
    private static let leastBuckets = 4

    /// The move of one series, from its samples of the whole span; nil where it did nothing remarkable. `times` are
    /// milliseconds since 1970, ascending; stale markers end a series and are no values.
    static func move(of labels: Labels, times: [Int64], values: [Double], span: CorrelationSpan) -> MetricMove? {
        let isRate: Bool = isCounter(labels["__name__"] ?? "")
        let buckets: Buckets = isRate ? rates(times, values, span) : means(times, values, span)
        guard let median = median(buckets.before) else {
            guard let during = mean(buckets.during) else { return nil }
            // Without any sample of an earlier time it may be the measuring that began, and is told all the same.
            return MetricMove(
                labels: labels, kind: .appeared, before: nil, during: during, isRate: isRate, score: presence)
        }
        guard let during = mean(buckets.during) else {
            guard buckets.before.count >= leastBuckets else { return nil }
            return MetricMove(
                labels: labels, kind: .ended, before: median, during: nil, isRate: isRate, score: presence)
        }
        guard buckets.before.count >= leastBuckets else { return nil }
        let score: Double = score(during, median: median, before: buckets.before)
        guard score >= least else { return nil }
        return MetricMove(
            labels: labels, kind: .moved, before: median, during: during, isRate: isRate, score: score)
    }

    /// Takes out of `moves` the series of producers that came or went as a whole. `looked` are the labels of all series
    /// that had samples.
    static func collapsed(
        _ moves: [MetricMove], looked: [Labels]
    ) -> (moves: [MetricMove], sources: [SourceMove]) {
        let all: [Labels: Int] = Dictionary(grouping: looked, by: source).mapValues(\.count)
        var left: [MetricMove] = []
        var sources: [SourceMove] = []
        for (source, members) in Dictionary(grouping: moves, by: { source(of: $0.labels) }) {
            let kinds = Set(members.map(\.kind))
            guard let kind = kinds.first, kinds.count == 1, kind != .moved, members.count == all[source],
                members.count >= fewestTogether
            else {
                left += members
                continue
            }
            sources.append(
                SourceMove(
                    host: source["host"] ?? "", producer: source["job"] ?? "", kind: kind, series: members.count))
        }
        return (left, sources.sorted { ($0.host, $0.producer) < ($1.host, $1.producer) })
    }

    private static let fewestTogether = 3

    private static func source(of labels: Labels) -> Labels { labels.keeping(["host", "job"]) }

    /// The strongest first; equal ones in order of their labels.
    static func ranked(_ moves: [MetricMove], limit: Int) -> [MetricMove] {
        Array(moves.sorted { ($1.score, $0.labels) < ($0.score, $1.labels) }.prefix(limit))
    }

    /// How many usual deviations `during` is away from the usual value.
    ///
    /// Median and median deviation do not mind the few outliers that every metric has. Something that is zero most of
    /// the time and sometimes not has a median deviation of zero, though, so the mean of the deviations counts too,
    /// without the largest tenth of them.
    static func score(_ during: Double, median usual: Double, before: [Double]) -> Double {
        let deviations: [Double] = before.map { ($0 - usual).magnitude }.sorted()
        let ordinary: ArraySlice<Double> = deviations.dropLast(deviations.count / 10)
        let scale: Double =
            [
                1.4826 * (median(deviations) ?? 0), 1.25 * (mean(Array(ordinary)) ?? 0),
                leastShare * max(usual.magnitude, during.magnitude),
            ].max() ?? 0
        guard scale > 0, scale.isFinite, during.isFinite, usual.isFinite else { return 0 }
        return min(highest, ((during - usual).magnitude / scale * 10).rounded() / 10)
    }

    /// Prometheus' naming: what is only counted up is compared by its rate.
    static func isCounter(_ name: String) -> Bool {
        ["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
    }

    struct Buckets: Hashable {
        var before: [Double] = []
        var during: [Double] = []
    }

    private static func means(_ times: [Int64], _ values: [Double], _ span: CorrelationSpan) -> Buckets {
        var sums: [Int64: (sum: Double, count: Int)] = [:]
        for (time, value) in zip(times, values) where value.isFinite {
            guard let index = index(of: time, span) else { continue }
            sums[index, default: (0, 0)].sum += value
            sums[index, default: (0, 0)].count += 1
        }
        return collect(sums.mapValues { $0.sum / Double($0.count) }, span)
    }

    /// The increase between samples, as a rate; a counter that fell began anew.
    private static func rates(_ times: [Int64], _ values: [Double], _ span: CorrelationSpan) -> Buckets {
        var sums: [Int64: (rise: Double, milliseconds: Int64)] = [:]
        var previous: (time: Int64, value: Double)?
        for (time, value) in zip(times, values) where value.isFinite {
            defer { previous = (time, value) }
            guard let last = previous, let index = index(of: time, span) else { continue }
            // Across a gap nobody knows when it rose.
            guard time - last.time <= span.bucket.milliseconds else { continue }
            sums[index, default: (0, 0)].rise += value >= last.value ? value - last.value : value
            sums[index, default: (0, 0)].milliseconds += time - last.time
        }
        return collect(sums.mapValues { $0.rise / (Double(max(1, $0.milliseconds)) / 1000) }, span)
    }

    /// The bucket of an instant: negative before the window, from zero on in it.
    private static func index(of time: Int64, _ span: CorrelationSpan) -> Int64? {
        let offset: Int64 = time - span.from.milliseconds
        guard time >= span.baselineFrom.milliseconds, time <= span.to.milliseconds else { return nil }
        return offset >= 0 ? offset / span.bucket.milliseconds : -1 - (-1 - offset) / span.bucket.milliseconds
    }

    private static func collect(_ buckets: [Int64: Double], _ span: CorrelationSpan) -> Buckets {
        var result = Buckets()
        for (index, value) in buckets.sorted(by: { $0.key < $1.key }) {
            if index < 0 { result.before.append(value) } else { result.during.append(value) }
        }
        return result
    }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    private static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted: [Double] = values.sorted()
        let middle: Int = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
