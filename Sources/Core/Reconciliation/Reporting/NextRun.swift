package import Telemetry

/// When to run again after a run.
package struct RetryPolicy: Hashable, Sendable {
    package var first: PromDuration
    package var factor: Double
    package var longest: PromDuration

    package init(first: PromDuration, factor: Double = 2, longest: PromDuration) {
        self.first = first
        self.factor = factor
        self.longest = longest
    }

    /// The wait before attempt `attempt` (from 1), spread by ±10 % so that many reconcilers do not come at once.
    ///
    /// - Parameter random: in 0..<1.
    package func wait(attempt: Int, random: Double) -> PromDuration {
        var span = Double(first.milliseconds)
        for _ in 1..<max(2, min(attempt, 64)) where attempt > 1 && span < Double(longest.milliseconds) {
            span *= factor
        }
        return spread(PromDuration(milliseconds: Int64(min(span, Double(longest.milliseconds)))), random: random)
    }
}

/// `span` spread by ±10 %.
package func spread(_ span: PromDuration, random: Double) -> PromDuration {
    PromDuration(milliseconds: Int64(Double(span.milliseconds) * (0.9 + 0.2 * random)))
}

/// When the next look at live state is due: after a settled run at the drift interval; sooner, with growing waits, while
/// a target is away or something failed. Never later than the drift interval, so that drift is found in time once the
/// target is back.
package func nextLook(
    after outcome: RunOutcome, failuresInARow: Int, driftInterval: PromDuration, random: Double
) -> PromDuration {
    switch outcome {
    case .failed, .incomplete:
        let policy = RetryPolicy(first: min(.seconds(1), driftInterval), longest: driftInterval)
        return policy.wait(attempt: max(1, failuresInARow), random: random)
    default: return driftInterval
    }
}
