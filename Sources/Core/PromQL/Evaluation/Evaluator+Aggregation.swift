import Telemetry

extension Evaluator {
    mutating func evaluate(_ aggregation: Aggregation, _ steps: Steps) throws(PromQLError) -> [Track] {
        let tracks: [Track] = try vector(aggregation.node, steps)
        switch aggregation.operation {
        case .topk, .bottomk:
            let counts: [Double] = try scalar(parameter(of: aggregation), steps)
            return try select(aggregation, tracks, counts)
        case .countValues:
            return try countValues(aggregation, tracks, label: try string(parameter(of: aggregation), steps), steps)
        case .quantile:
            let quantiles: [Double] = try scalar(parameter(of: aggregation), steps)
            return try reduce(aggregation, tracks, steps) { values, step in
                quantileOfGroup(quantiles[step], values)
            }
        default:
            let reducer: ([Double]) -> Double = aggregation.operation.reducer
            return try reduce(aggregation, tracks, steps) { values, _ in reducer(values) }
        }
    }

    private func parameter(of aggregation: Aggregation) -> Node {
        guard let parameter = aggregation.parameter else { preconditionFailure("the parser checked the parameter") }
        return parameter
    }

    /// The tracks of each group, in order of first appearance.
    private struct Group {
        var labels: Labels
        var members: [Int]
        var dropsName: Bool
    }

    private func groups(_ aggregation: Aggregation, _ tracks: [Track]) -> [Group] {
        let removed: Set<String> = aggregation.grouping.union([metricNameLabel])
        var places: [Labels: Int] = [:]
        var groups: [Group] = []
        for (index, track) in tracks.enumerated() {
            let labels: Labels =
                aggregation.isWithout ? track.labels.removing(removed) : track.labels.keeping(aggregation.grouping)
            if let place = places[labels] {
                groups[place].members.append(index)
                groups[place].dropsName = groups[place].dropsName || track.dropsName
            } else {
                places[labels] = groups.count
                groups.append(Group(labels: labels, members: [index], dropsName: track.dropsName))
            }
        }
        return groups
    }

    private mutating func reduce(
        _ aggregation: Aggregation, _ tracks: [Track], _ steps: Steps, _ combine: ([Double], Int) -> Double
    ) throws(PromQLError) -> [Track] {
        var result: [Track] = []
        var values: [Double] = []
        for group in groups(aggregation, tracks) {
            try charge(steps.count)
            var points = [Double?](repeating: nil, count: steps.count)
            for step in 0..<steps.count {
                values.removeAll(keepingCapacity: true)
                for member in group.members {
                    if let point = tracks[member].points[step] { values.append(point) }
                }
                if !values.isEmpty { points[step] = combine(values, step) }
            }
            result.append(Track(labels: group.labels, dropsName: group.dropsName, points: points))
        }
        return result
    }

    // MARK: topk and bottomk

    private func select(
        _ aggregation: Aggregation, _ tracks: [Track], _ counts: [Double]
    ) throws(PromQLError) -> [Track] {
        var kept: [Track] = tracks.map { track in
            Track(
                labels: track.labels, dropsName: track.dropsName,
                points: [Double?](repeating: nil, count: track.points.count))
        }
        var order: [Int] = []
        let groups: [Group] = self.groups(aggregation, tracks)
        for (step, count) in counts.enumerated() {
            guard !count.isNaN else { throw PromQLError(.execution, "Parameter value is NaN") }
            guard count >= 1 else { continue }
            let limit: Int = count >= 1e9 ? .max : Int(count)
            for group in groups {
                let present: [Int] = group.members.filter { tracks[$0].points[step] != nil }
                let ranked: [Int] = present.sorted { left, right in
                    guard let first = tracks[left].points[step], let second = tracks[right].points[step] else {
                        return false
                    }
                    // NaN is never among the best; equal values keep their order.
                    if first.isNaN || second.isNaN { return first.isNaN == second.isNaN ? left < right : second.isNaN }
                    if first == second { return left < right }
                    return aggregation.operation == .topk ? first > second : first < second
                }
                for member in ranked.prefix(limit) {
                    kept[member].points[step] = tracks[member].points[step]
                    if range.isInstant { order.append(member) }
                }
            }
        }
        // An instant answer is in order of rank; subqueries and ranges are sorted by labels later.
        if range.isInstant, counts.count == 1 { return order.map { kept[$0] } }
        return kept.filter { $0.points.contains { $0 != nil } }
    }

    // MARK: count_values

    private mutating func countValues(
        _ aggregation: Aggregation, _ tracks: [Track], label: String, _ steps: Steps
    ) throws(PromQLError) -> [Track] {
        var places: [Labels: Int] = [:]
        var result: [Track] = []
        for group in groups(aggregation, tracks) {
            for member in group.members {
                for (step, point) in tracks[member].points.enumerated() {
                    guard let point else { continue }
                    let labels: Labels = group.labels.setting(label, to: decimalText(point))
                    let place: Int
                    if let known = places[labels] {
                        place = known
                    } else {
                        try charge(steps.count)
                        place = result.count
                        places[labels] = place
                        let empty = [Double?](repeating: nil, count: steps.count)
                        result.append(Track(labels: labels, dropsName: group.dropsName, points: empty))
                    }
                    result[place].points[step] = (result[place].points[step] ?? 0) + 1
                }
            }
        }
        return result
    }
}

/// Within `Evaluator` the name would find the operator of aggregations.
private func quantileOfGroup(_ q: Double, _ values: [Double]) -> Double { quantile(q, of: values) }

extension AggregationOperator {
    /// How the values of a group become one; never called with none.
    fileprivate var reducer: ([Double]) -> Double {
        switch self {
        case .sum:
            { values in
                var sum = CompensatedSum()
                for value in values { sum.add(value) }
                return sum.total
            }
        case .avg:
            { values in
                var mean = CompensatedMean()
                for value in values { mean.add(value) }
                return mean.mean
            }
        case .min: { $0.dropFirst().reduce($0[0]) { $1 < $0 || $0.isNaN ? $1 : $0 } }
        case .max: { $0.dropFirst().reduce($0[0]) { $1 > $0 || $0.isNaN ? $1 : $0 } }
        case .count: { Double($0.count) }
        case .group: { _ in 1 }
        case .stddev: { variance(of: $0).squareRoot() }
        case .stdvar: { variance(of: $0) }
        case .topk, .bottomk, .quantile, .countValues: preconditionFailure("needs its parameter")
        }
    }
}

private func variance(of values: [Double]) -> Double {
    var running = RunningVariance()
    for value in values { running.add(value) }
    return running.variance
}
