import Database
import PromQL
import Telemetry

/// Answers PromQL over stored frames: reads what an expression needs, then evaluates it.
struct QueryEngine: Sendable {
    /// Where samples come from: for each selection the series that match, with their samples.
    typealias Loader = @Sendable (_ selections: [Selection]) async throws -> [[SeriesData]]

    private let load: Loader

    init(load: @escaping Loader) { self.load = load }

    init(frames: FrameStore) {
        load = { selections in try await frames.load(selections) }
    }

    /// How long a query may take; also its longest `timeout`.
    static let longest: Duration = .seconds(120)

    /// What one evaluation may take: time, and samples in memory at once.
    struct Limits: Hashable, Sendable {
        var time: Duration = longest
        var samples: Int = EvaluationOptions().mostSamples

        /// Of a rule: one that asks for too much must not hold up the others, nor take the server's memory. About 80 MB.
        static let rule = Limits(time: .seconds(10), samples: 5_000_000)
    }

    /// The value of an expression over a range.
    func evaluate(
        _ expression: Expression, over range: QueryRange, limits: Limits = Limits()
    ) async throws -> QueryResult {
        try await answer(expression, over: range, limits: limits).result
    }

    /// A value, and what is to be said of where it comes from.
    struct Answer: Sendable {
        var result: QueryResult
        /// The answer is the same as from the samples.
        var notes: [String] = []
        /// The answer is not the same.
        var warnings: [String] = []
    }

    /// The value of an expression over a range. Not on the event loop: evaluating is work.
    @concurrent
    func answer(
        _ expression: Expression, over range: QueryRange, limits: Limits = Limits()
    ) async throws -> Answer {
        var options = EvaluationOptions()
        options.mostSamples = limits.samples
        let deadline: ContinuousClock.Instant = .now + min(limits.time, Self.longest)
        options.isCancelled = { Task.isCancelled || ContinuousClock.now > deadline }
        let data: [[SeriesData]] = try await load(expression.selections(over: range, options: options))
        var answer = Answer(result: try expression.evaluate(over: range, data: data, options: options))
        answer.describe(data)
        return answer
    }

    /// An instant query whose answer is a vector (or a scalar, which is one element without labels).
    func vector(
        _ expression: Expression, at time: Timestamp, limits: Limits = Limits()
    ) async throws -> [VectorElement] {
        switch try await evaluate(expression, over: .instant(time), limits: limits) {
        case .vector(let elements): return elements
        case .scalar(let sample): return [VectorElement(labels: .none, sample: sample)]
        case .string, .matrix: throw PromQLError(.execution, "the expression is not an instant vector")
        }
    }
}

extension QueryEngine.Answer {
    /// Says which rollups answered.
    fileprivate mutating func describe(_ data: [[SeriesData]]) {
        for width in BucketWidth.allCases {
            let series = data.joined().filter { $0.resolution == width }
            if series.contains(where: { $0.goneBefore == nil }) {
                notes.append("hours that are over were read from rollups of \(width.rawValue); the answer is the same")
            }
            if let edge = series.compactMap(\.goneBefore).max() {
                warnings.append(
                    "samples before \(Timestamp(milliseconds: edge).rfc3339) are gone; the last value of each "
                        + "\(width.rawValue) stands for them")
            }
        }
    }
}
