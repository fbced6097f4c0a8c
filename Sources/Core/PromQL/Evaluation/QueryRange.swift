package import Telemetry

/// The instants an expression is evaluated at: `start`, `start + step`, … up to `end`.
package struct QueryRange: Hashable, Sendable {
    /// Milliseconds since 1970.
    package let start: Int64
    package let end: Int64
    /// Milliseconds; at least 1.
    package let step: Int64
    /// Whether the answer is a vector at one instant and not a matrix.
    package let isInstant: Bool

    /// Prometheus' limit: a pixel of a wide screen each.
    package static let mostPoints = 11_000

    /// One instant.
    package static func instant(_ time: Timestamp) -> QueryRange {
        QueryRange(start: time.milliseconds, end: time.milliseconds, step: 1, isInstant: true)
    }

    /// Every `step` from `start` to `end`, both included.
    package init(from start: Timestamp, through end: Timestamp, step: PromDuration) throws(PromQLError) {
        guard step.milliseconds > 0 else {
            throw PromQLError(
                .limit, "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        guard start <= end else { throw PromQLError(.limit, "end timestamp must not be before start time") }
        let (span, overflow) = end.milliseconds.subtractingReportingOverflow(start.milliseconds)
        guard !overflow, span / step.milliseconds < Int64(Self.mostPoints) else {
            throw PromQLError(
                .limit,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                    + "resolution (?step=XX)")
        }
        self.init(
            start: start.milliseconds, end: end.milliseconds, step: step.milliseconds, isInstant: false)
    }

    private init(start: Int64, end: Int64, step: Int64, isInstant: Bool) {
        self.start = start
        self.end = end
        self.step = step
        self.isInstant = isInstant
    }

    var steps: Steps { Steps(start: start, step: step, count: Int((end - start) / step) + 1) }
}

/// A row of instants, of the query or of a subquery within it.
struct Steps: Hashable, Sendable {
    var start: Int64
    var step: Int64
    var count: Int

    func time(_ index: Int) -> Int64 { start + Int64(index) * step }
    var last: Int64 { time(max(0, count - 1)) }

    /// The instants at which `range` before each of `outer`'s is sampled every `step`: multiples of the step since
    /// 1970, so that neighbouring evaluations see the same ones.
    static func subquery(within outer: (first: Int64, last: Int64), range: Int64, step: Int64) -> Steps {
        let open: Int64 = outer.first - range
        var quotient: Int64 = open / step
        if open % step < 0 { quotient -= 1 }
        let first: Int64 = (quotient + 1) * step
        let count: Int64 = first > outer.last ? 0 : (outer.last - first) / step + 1
        return Steps(start: first, step: step, count: Int(count))
    }
}
