import Telemetry

extension Expression {
    /// Evaluates over `range` with the samples of ``selections(over:options:)``, in the same order.
    package func evaluate(
        over range: QueryRange, data: [[SeriesData]], options: EvaluationOptions = EvaluationOptions()
    ) throws(PromQLError) -> QueryResult {
        precondition(data.count == selectors.count, "series for each selector")
        var evaluator = Evaluator(range: range, data: data, options: options)
        try evaluator.chargeData()
        if case .matrix = type { return try evaluator.rangeVector(node) }
        return try evaluator.result(try evaluator.value(node, range.steps))
    }
}

/// One series of an intermediate result, with a value for each step at which it exists.
struct Track: Sendable {
    var labels: Labels
    /// The name is to go when all is done; only with delayed name removal.
    var dropsName = false
    var points: [Double?]
}

/// What a node is over a row of steps.
enum Value: Sendable {
    case scalar([Double])
    case string(String)
    case vector([Track])
}

/// Walks the tree. A node is evaluated over all steps at once: selectors and functions then walk each series once.
struct Evaluator {
    let range: QueryRange
    let data: [[SeriesData]]
    let options: EvaluationOptions
    private var samples = 0

    init(range: QueryRange, data: [[SeriesData]], options: EvaluationOptions) {
        self.range = range
        self.data = data.map { series in
            series.sorted { $0.labels < $1.labels }
        }
        self.options = options
    }

    mutating func value(_ node: Node, _ steps: Steps) throws(PromQLError) -> Value {
        guard !options.isCancelled() else {
            throw PromQLError(.cancelled, "query timed out in expression evaluation")
        }
        switch node {
        case .number(let number): return .scalar([Double](repeating: number, count: steps.count))
        case .string(let text): return .string(text)
        case .selector(let selector): return .vector(try select(selector, steps))
        case .negation(let operand): return try negated(try value(operand, steps))
        case .binary(let binary): return try evaluate(binary, steps)
        case .aggregation(let aggregation): return .vector(try evaluate(aggregation, steps))
        case .call(let call): return try evaluate(call, steps)
        case .matrix, .subquery: preconditionFailure("range vectors are read by the functions that take them")
        }
    }

    mutating func vector(_ node: Node, _ steps: Steps) throws(PromQLError) -> [Track] {
        guard case .vector(let tracks) = try value(node, steps) else {
            preconditionFailure("the parser checked that this is an instant vector")
        }
        return tracks
    }

    mutating func scalar(_ node: Node, _ steps: Steps) throws(PromQLError) -> [Double] {
        guard case .scalar(let numbers) = try value(node, steps) else {
            preconditionFailure("the parser checked that this is a scalar")
        }
        return numbers
    }

    mutating func string(_ node: Node, _ steps: Steps) throws(PromQLError) -> String {
        guard case .string(let text) = try value(node, steps) else {
            preconditionFailure("the parser checked that this is a string")
        }
        return text
    }

    // MARK: Limits

    mutating func chargeData() throws(PromQLError) {
        for series in data {
            for one in series { try charge(one.times.count + (one.buckets?.count ?? 0)) }
        }
    }

    /// Counts samples before they are made.
    mutating func charge(_ count: Int) throws(PromQLError) {
        samples += count
        guard samples <= options.mostSamples else {
            throw PromQLError(
                .limit, "query processing would load too many samples into memory in query execution")
        }
    }

    // MARK: Selectors

    mutating func select(
        _ selector: VectorSelector, _ steps: Steps, givesTimes: Bool = false
    ) throws(PromQLError) -> [Track] {
        var tracks: [Track] = []
        for series in data[selector.ordinal] {
            try charge(steps.count)
            var points = [Double?](repeating: nil, count: steps.count)
            var isEmpty = true
            var next = 0
            for index in 0..<steps.count {
                let time: Int64 = selector.shift.applied(to: steps.time(index), in: range)
                while next < series.times.count, series.times[next] <= time { next += 1 }
                guard next > 0 else { continue }
                let sampleTime: Int64 = series.times[next - 1]
                let sample: Double = series.values[next - 1]
                guard sampleTime > time - options.lookback.milliseconds, !sample.isStaleMarker else { continue }
                points[index] = givesTimes ? Double(sampleTime) / 1000 : sample
                isEmpty = false
            }
            if !isEmpty { tracks.append(Track(labels: series.labels, points: points)) }
        }
        return tracks
    }

    private func negated(_ value: Value) throws(PromQLError) -> Value {
        switch value {
        case .scalar(let numbers): .scalar(numbers.map { -$0 })
        case .vector(let tracks):
            .vector(
                try withoutNames(
                    tracks.map { track in
                        Track(
                            labels: track.labels, dropsName: track.dropsName,
                            points: track.points.map { $0.map { -$0 } })
                    }))
        case .string: preconditionFailure("the parser checked that this is a number")
        }
    }

    // MARK: Names

    /// The tracks without their metric names, at once or marked for the end.
    func withoutNames(_ tracks: [Track]) throws(PromQLError) -> [Track] {
        guard !options.delaysNameRemoval else {
            return tracks.map { Track(labels: $0.labels, dropsName: true, points: $0.points) }
        }
        return try merged(tracks.map { Track(labels: $0.labels.removing([metricNameLabel]), points: $0.points) })
    }

    /// Joins tracks that have the same labels; an error where two have a value at one step.
    func merged(_ tracks: [Track]) throws(PromQLError) -> [Track] {
        var places: [Labels: Int] = [:]
        var result: [Track] = []
        result.reserveCapacity(tracks.count)
        for track in tracks {
            guard let place = places[track.labels] else {
                places[track.labels] = result.count
                result.append(track)
                continue
            }
            for (index, point) in track.points.enumerated() where point != nil {
                guard result[place].points[index] == nil else {
                    throw PromQLError(.execution, "vector cannot contain metrics with the same labelset")
                }
                result[place].points[index] = point
            }
        }
        return result
    }

    // MARK: Results

    func result(_ value: Value) throws(PromQLError) -> QueryResult {
        let steps: Steps = range.steps
        switch value {
        case .string(let text): return .string(Timestamp(milliseconds: range.end), text)
        case .scalar(let numbers):
            guard range.isInstant else {
                let samples: [Sample] = numbers.enumerated().map { index, number in
                    Sample(Timestamp(milliseconds: steps.time(index)), number)
                }
                return .matrix([MatrixSeries(labels: .none, samples: samples)])
            }
            return .scalar(Sample(Timestamp(milliseconds: range.start), numbers[0]))
        case .vector(var tracks):
            if options.delaysNameRemoval {
                tracks = tracks.map { track in
                    guard track.dropsName else { return track }
                    return Track(labels: track.labels.removing([metricNameLabel]), points: track.points)
                }
            }
            tracks = try merged(tracks)
            return range.isInstant ? instantResult(tracks) : rangeResult(tracks, steps)
        }
    }

    private func instantResult(_ tracks: [Track]) -> QueryResult {
        let time = Timestamp(milliseconds: range.start)
        return .vector(
            tracks.compactMap { track in
                guard let value = track.points[0] else { return nil }
                return VectorElement(labels: track.labels, sample: Sample(time, value))
            })
    }

    private func rangeResult(_ tracks: [Track], _ steps: Steps) -> QueryResult {
        let series: [MatrixSeries] = tracks.compactMap { track in
            var samples: [Sample] = []
            for (index, point) in track.points.enumerated() {
                guard let point else { continue }
                samples.append(Sample(Timestamp(milliseconds: steps.time(index)), point))
            }
            return samples.isEmpty ? nil : MatrixSeries(labels: track.labels, samples: samples)
        }
        return .matrix(series.sorted { $0.labels < $1.labels })
    }

    /// The raw samples of `metric[5m]`, asked for by itself.
    mutating func rangeVector(_ node: Node) throws(PromQLError) -> QueryResult {
        guard range.isInstant else {
            throw PromQLError(
                .execution,
                "invalid expression type \"range vector\" for range query, must be Scalar or instant "
                    + "Vector")
        }
        let windows: Windows = try self.windows(node, range.steps)
        var series: [MatrixSeries] = []
        for one in windows.series {
            var cursor = WindowCursor(one)
            let window: Window = cursor.window(after: windows.start(0), through: windows.end(0))
            let samples: [Sample] = window.range.map { index in
                Sample(Timestamp(milliseconds: one.times[index]), one.values[index])
            }
            if !samples.isEmpty { series.append(MatrixSeries(labels: one.labels, samples: samples)) }
        }
        return .matrix(series)
    }
}
