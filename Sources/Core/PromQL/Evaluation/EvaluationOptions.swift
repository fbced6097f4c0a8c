package import Telemetry

/// The rules and limits of one evaluation; the defaults are Prometheus'.
package struct EvaluationOptions: Sendable {
    /// How far back an instant selector looks for a sample.
    package var lookback = PromDuration.minutes(5)
    /// The step of subqueries that name none.
    package var subqueryStep = PromDuration.minutes(1)
    /// Samples read and made together.
    package var mostSamples = 50_000_000
    /// Drops metric names when the whole expression is done instead of at each function, as Prometheus does with
    /// `promql-delayed-name-removal`.
    package var delaysNameRemoval = false
    /// Asked now and then; evaluation ends with a `cancelled` error when it says so.
    package var isCancelled: @Sendable () -> Bool = { false }

    package init() {}
}
