import Telemetry

/// A range vector over a row of steps: series, and which stretch of them each step sees.
struct Windows {
    var series: [WindowedSeries]
    var length: Int64
    let steps: Steps
    let shift: TimeShift
    let range: QueryRange

    /// The end of the stretch that a step sees, included.
    func end(_ step: Int) -> Int64 { shift.applied(to: steps.time(step), in: range) }
    /// Its beginning, not included.
    func start(_ step: Int) -> Int64 { end(step) - length }
}

/// The samples of a series without stale markers.
struct WindowedSeries {
    var labels: Labels
    var dropsName = false
    var times: [Int64]
    var values: [Double]
    /// Instead of samples.
    var buckets: [Bucket]?
}

/// What one step sees of one series.
struct Window {
    let series: WindowedSeries
    /// Indices of `series`.
    let range: Range<Int>
    let start: Int64
    let end: Int64

    var count: Int { range.count }
    var first: Double { series.values[range.lowerBound] }
    var last: Double { series.values[range.upperBound - 1] }
    var firstTime: Int64 { series.times[range.lowerBound] }
    var lastTime: Int64 { series.times[range.upperBound - 1] }
    var values: ArraySlice<Double> { series.values[range] }
    var lengthInSeconds: Double { Double(end - start) / 1000 }
}

/// Finds the windows of ascending steps by moving two places forward.
struct WindowCursor {
    private let series: WindowedSeries
    private var lower = 0
    private var upper = 0

    init(_ series: WindowedSeries) { self.series = series }

    mutating func window(after start: Int64, through end: Int64) -> Window {
        while upper < series.times.count, series.times[upper] <= end { upper += 1 }
        while lower < upper, series.times[lower] <= start { lower += 1 }
        return Window(series: series, range: lower..<upper, start: start, end: end)
    }
}

extension Evaluator {
    mutating func windows(_ node: Node, _ steps: Steps) throws(PromQLError) -> Windows {
        switch node {
        case .matrix(let selector, let length):
            return Windows(
                series: data[selector.ordinal].map(withoutStaleMarkers), length: length.milliseconds, steps: steps,
                shift: selector.shift, range: range)
        case .subquery(let subquery): return try windows(subquery, steps)
        default: preconditionFailure("the parser checked that this is a range vector")
        }
    }

    private func withoutStaleMarkers(_ series: SeriesData) -> WindowedSeries {
        if let buckets = series.buckets {
            return WindowedSeries(labels: series.labels, times: [], values: [], buckets: buckets)
        }
        guard series.values.contains(where: \.isStaleMarker) else {
            return WindowedSeries(labels: series.labels, times: series.times, values: series.values)
        }
        let kept: [Int] = series.values.indices.filter { !series.values[$0].isStaleMarker }
        return WindowedSeries(
            labels: series.labels, times: kept.map { series.times[$0] }, values: kept.map { series.values[$0] })
    }

    private mutating func windows(_ subquery: Subquery, _ steps: Steps) throws(PromQLError) -> Windows {
        let outer: (first: Int64, last: Int64) = (
            subquery.shift.applied(to: steps.start, in: range), subquery.shift.applied(to: steps.last, in: range)
        )
        let step: PromDuration = subquery.step ?? options.subqueryStep
        let inner = Steps.subquery(
            within: outer, range: subquery.range.milliseconds, step: step.milliseconds)
        try charge(inner.count)
        var series: [WindowedSeries] = []
        let value: Value = inner.count == 0 ? .vector([]) : try self.value(subquery.node, inner)
        guard case .vector(let tracks) = value else { preconditionFailure("the parser checked the subquery") }
        for track in tracks {
            var one = WindowedSeries(labels: track.labels, dropsName: track.dropsName, times: [], values: [])
            for (index, point) in track.points.enumerated() {
                guard let point else { continue }
                one.times.append(inner.time(index))
                one.values.append(point)
            }
            if !one.times.isEmpty { series.append(one) }
        }
        return Windows(
            series: series, length: subquery.range.milliseconds, steps: steps, shift: subquery.shift, range: range)
    }

    /// A track for each series whose window `function` gives a value for. `function` gets the step too; `ofBuckets` is
    /// the same over buckets, without which none come.
    mutating func overWindows(
        _ node: Node, _ steps: Steps, keepsNames: Bool = false, ofBuckets: ((BucketWindow) -> Double?)? = nil,
        _ function: (Window, Int) -> Double?
    ) throws(PromQLError) -> [Track] {
        let windows: Windows = try self.windows(node, steps)
        var tracks: [Track] = []
        for series in windows.series {
            try charge(steps.count)
            if let buckets = series.buckets {
                guard let ofBuckets else { preconditionFailure("the selection allowed no buckets") }
                guard let points = self.points(buckets, windows, ofBuckets) else { continue }
                tracks.append(Track(labels: series.labels, dropsName: series.dropsName, points: points))
                continue
            }
            var cursor = WindowCursor(series)
            var points = [Double?](repeating: nil, count: steps.count)
            var isEmpty = true
            for index in 0..<steps.count {
                let window: Window = cursor.window(after: windows.start(index), through: windows.end(index))
                guard window.count > 0, let value = function(window, index) else { continue }
                points[index] = value
                isEmpty = false
            }
            guard !isEmpty else { continue }
            tracks.append(Track(labels: series.labels, dropsName: series.dropsName, points: points))
        }
        return keepsNames ? tracks : try withoutNames(tracks)
    }
}
