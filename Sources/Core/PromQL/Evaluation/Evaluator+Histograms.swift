import Telemetry

extension Evaluator {
    /// `histogram_quantile` of classic histograms: counters of observations up to the bound that the label `le` names.
    mutating func histogramQuantile(_ call: Call, _ steps: Steps) throws(PromQLError) -> [Track] {
        let quantiles: [Double] = try scalar(call.arguments[0], steps)
        let tracks: [Track] = try vector(call.arguments[1], steps)
        var places: [Labels: Int] = [:]
        var groups: [(labels: Labels, bounds: [(bound: Double, track: Int)])] = []
        for (index, track) in tracks.enumerated() {
            // What has no bound, or one that is no number, is no part of a histogram.
            guard let text = track.labels["le"], let bound = Double(text), !bound.isNaN else { continue }
            let labels: Labels = track.labels.removing(["le"])
            if let place = places[labels] {
                groups[place].bounds.append((bound, index))
            } else {
                places[labels] = groups.count
                groups.append((labels, [(bound, index)]))
            }
        }
        var result: [Track] = []
        for group in groups {
            try charge(steps.count)
            var points = [Double?](repeating: nil, count: steps.count)
            for step in 0..<steps.count {
                var histogram = ClassicHistogram()
                for (bound, track) in group.bounds {
                    if let count = tracks[track].points[step] { histogram.add(bound, count) }
                }
                if !histogram.isEmpty { points[step] = histogram.quantile(quantiles[step]) }
            }
            result.append(Track(labels: group.labels, points: points))
        }
        // Histograms of two names that are the same without them are an error.
        return try withoutNames(result)
    }
}

/// Cumulative counts of observations by upper bound.
struct ClassicHistogram {
    private var buckets: [(bound: Double, count: Double)] = []

    var isEmpty: Bool { buckets.isEmpty }

    mutating func add(_ bound: Double, _ count: Double) { buckets.append((bound, count)) }

    /// Observations are taken as spread evenly within each bucket (Prometheus' `BucketQuantile`).
    func quantile(_ q: Double) -> Double {
        if q.isNaN { return .nan }
        if q < 0 { return -.infinity }
        if q > 1 { return .infinity }
        let buckets: [(bound: Double, count: Double)] = monotonic
        guard let last = buckets.last, last.bound == .infinity, buckets.count > 1, last.count != 0, !last.count.isNaN
        else { return .nan }
        var rank: Double = q * last.count
        let place: Int = buckets.dropLast().firstIndex { $0.count >= rank } ?? buckets.count - 1
        if place == buckets.count - 1 { return buckets[place - 1].bound }
        if place == 0, buckets[0].bound <= 0 { return buckets[0].bound }
        let start: Double = place > 0 ? buckets[place - 1].bound : 0
        var count: Double = buckets[place].count
        if place > 0 {
            count -= buckets[place - 1].count
            rank -= buckets[place - 1].count
        }
        return start + (buckets[place].bound - start) * (rank / count)
    }

    /// In order of the bounds, equal ones as one. A count below the one before it, which scrapes in the middle of
    /// observations can give, counts as that one.
    private var monotonic: [(bound: Double, count: Double)] {
        var merged: [(bound: Double, count: Double)] = []
        for bucket in buckets.sorted(by: { $0.bound < $1.bound }) {
            if let last = merged.last, last.bound == bucket.bound {
                merged[merged.count - 1].count += bucket.count
            } else {
                merged.append(bucket)
            }
        }
        for index in merged.indices.dropFirst() where merged[index].count < merged[index - 1].count {
            merged[index].count = merged[index - 1].count
        }
        return merged
    }
}
