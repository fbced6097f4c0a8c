import Telemetry

extension Evaluator {
    mutating func evaluate(_ call: Call, _ steps: Steps) throws(PromQLError) -> Value {
        if let function = Mathematics.unary(call.function) {
            return .vector(try mapped(call.arguments[0], steps) { value, _ in function(value) })
        }
        if let function = RangeFunctions.function(call.function) {
            let keepsNames: Bool = call.function == .lastOverTime || call.function == .firstOverTime
            return .vector(
                try overWindows(
                    call.arguments[0], steps, keepsNames: keepsNames,
                    ofBuckets: BucketFunctions.function(call.function)
                ) { window, _ in function(window) })
        }
        if let part = CalendarFunctions.function(call.function) {
            guard let argument = call.arguments.first else {
                let points: [Double?] = (0..<steps.count).map { part(Double(steps.time($0)) / 1000) }
                return .vector([Track(labels: .none, points: points)])
            }
            return .vector(try mapped(argument, steps) { value, _ in part(value) })
        }
        return try evaluateOther(call, steps)
    }

    private mutating func evaluateOther(_ call: Call, _ steps: Steps) throws(PromQLError) -> Value {
        let arguments: [Node] = call.arguments
        switch call.function {
        case .time: return .scalar((0..<steps.count).map { Double(steps.time($0)) / 1000 })
        case .pi: return .scalar([Double](repeating: .pi, count: steps.count))
        case .scalar: return .scalar(singles(try vector(arguments[0], steps), steps))
        case .vector:
            return .vector([Track(labels: .none, points: try scalar(arguments[0], steps).map { $0 })])
        case .timestamp: return .vector(try timestamps(arguments[0], steps))
        case .absent:
            let tracks: [Track] = try vector(arguments[0], steps)
            return .vector(absent(arguments[0], present: tracks.map(\.points), steps))
        case .absentOverTime:
            let tracks: [Track] = try overWindows(
                arguments[0], steps, keepsNames: true, ofBuckets: BucketFunctions.function(.absentOverTime)
            ) { _, _ in 1 }
            return .vector(absent(arguments[0], present: tracks.map(\.points), steps))
        case .clamp, .clampMin, .clampMax: return .vector(try clamp(call, steps))
        case .round: return .vector(try round(call, steps))
        case .sort, .sortDescending:
            return .vector(sorted(try vector(arguments[0], steps), descending: call.function == .sortDescending))
        case .quantileOverTime:
            let quantiles: [Double] = try scalar(arguments[0], steps)
            return .vector(try overWindows(arguments[1], steps) { quantile(quantiles[$1], of: $0.values) })
        case .histogramQuantile: return .vector(try histogramQuantile(call, steps))
        case .predictLinear: return .vector(try predict(call, steps))
        case .labelReplace: return .vector(try labelReplace(arguments, steps))
        case .labelJoin: return .vector(try labelJoin(arguments, steps))
        default: preconditionFailure("\(call.function.rawValue) has its place above")
        }
    }

    /// Each value through `function`, which gets the step too; names go.
    private mutating func mapped(
        _ node: Node, _ steps: Steps, _ function: (Double, Int) -> Double?
    ) throws(PromQLError) -> [Track] {
        var tracks: [Track] = try vector(node, steps)
        for place in tracks.indices {
            for index in 0..<steps.count {
                if let value = tracks[place].points[index] { tracks[place].points[index] = function(value, index) }
            }
        }
        return try withoutNames(tracks)
    }

    // MARK: Numbers

    private mutating func clamp(_ call: Call, _ steps: Steps) throws(PromQLError) -> [Track] {
        let endless = [Double](repeating: .infinity, count: steps.count)
        var lower: [Double] = endless.map { -$0 }
        var upper: [Double] = endless
        if call.function != .clampMax { lower = try scalar(call.arguments[1], steps) }
        if call.function == .clampMax { upper = try scalar(call.arguments[1], steps) }
        if call.function == .clamp { upper = try scalar(call.arguments[2], steps) }
        return try mapped(call.arguments[0], steps) { value, step in
            if upper[step] < lower[step] { return nil }
            if value.isNaN || lower[step].isNaN || upper[step].isNaN { return .nan }
            return max(lower[step], min(upper[step], value))
        }
    }

    private mutating func round(_ call: Call, _ steps: Steps) throws(PromQLError) -> [Track] {
        var nearest = [Double](repeating: 1, count: steps.count)
        if call.arguments.count > 1 { nearest = try scalar(call.arguments[1], steps) }
        return try mapped(call.arguments[0], steps) { value, step in
            // The inverse keeps 0.1 exact where a division by it would not be.
            let inverse: Double = 1 / nearest[step]
            return (value * inverse + 0.5).rounded(.down) / inverse
        }
    }

    private mutating func predict(_ call: Call, _ steps: Steps) throws(PromQLError) -> [Track] {
        let seconds: [Double] = try scalar(call.arguments[1], steps)
        return try overWindows(call.arguments[0], steps) { window, step in
            guard window.count > 1 else { return nil }
            let line: (slope: Double, intercept: Double) = RangeFunctions.regression(window, origin: steps.time(step))
            return line.slope * seconds[step] + line.intercept
        }
    }

    private func singles(_ tracks: [Track], _ steps: Steps) -> [Double] {
        (0..<steps.count).map { step in
            let present: [Double] = tracks.compactMap { $0.points[step] }
            return present.count == 1 ? present[0] : .nan
        }
    }

    private mutating func timestamps(_ node: Node, _ steps: Steps) throws(PromQLError) -> [Track] {
        if case .selector(let selector) = node {
            return try withoutNames(try select(selector, steps, givesTimes: true))
        }
        return try mapped(node, steps) { _, step in Double(steps.time(step)) / 1000 }
    }

    private func sorted(_ tracks: [Track], descending: Bool) -> [Track] {
        guard range.isInstant else { return tracks }
        return tracks.filter { $0.points[0] != nil }.sorted { left, right in
            guard let first = left.points[0], let second = right.points[0] else { return false }
            // NaN comes last both ways.
            if first.isNaN || second.isNaN { return !first.isNaN && second.isNaN }
            return descending ? first > second : first < second
        }
    }

    // MARK: Absence

    private func absent(_ node: Node, present: [[Double?]], _ steps: Steps) -> [Track] {
        var points = [Double?](repeating: 1, count: steps.count)
        for track in present {
            for (index, point) in track.enumerated() where point != nil { points[index] = nil }
        }
        guard points.contains(where: { $0 != nil }) else { return [] }
        return [Track(labels: labelsOfAbsence(node), points: points)]
    }

    /// What can be said of a series that is not there: the labels that the selector fixes.
    private func labelsOfAbsence(_ node: Node) -> Labels {
        let matchers: [Matcher]
        switch node {
        case .selector(let selector): matchers = selector.matchers
        case .matrix(let selector, _): matchers = selector.matchers
        default: return .none
        }
        var labels: [String: String] = [:]
        var contradictory: Set<String> = []
        for matcher in matchers where matcher.label != metricNameLabel {
            if matcher.operation == .equal, labels[matcher.label] == nil, !contradictory.contains(matcher.label) {
                labels[matcher.label] = matcher.value
            } else {
                contradictory.insert(matcher.label)
            }
        }
        return Labels(labels.filter { !contradictory.contains($0.key) })
    }
}
