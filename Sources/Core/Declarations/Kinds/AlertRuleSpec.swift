package import Telemetry

/// When to alert, and whom to tell.
package struct AlertRuleSpec: Hashable, Sendable {
    /// PromQL; every series of its result is an alert instance that is active.
    package var expr: String
    /// A second expression: a firing alert is kept until this one matches its labels (hysteresis).
    package var clear: String?
    /// How long an instance is pending before it fires; exclusive with `forEvaluations`.
    package var holdFor: PromDuration?
    /// How many evaluations in a row must match before an instance fires; exclusive with `for`.
    package var forEvaluations: Int?
    package var every: PromDuration
    package var keepFiringFor: PromDuration
    package var noData: NoData
    package var severity: Severity
    package var labels: [String: String]
    package var annotations: [String: String]
    /// Names of Notifiers; empty means every Notifier with `default: true`, else all.
    package var notifiers: [String]

    /// What becomes of an alert whose series is gone.
    package enum NoData: String, CaseIterable, Hashable, Sendable {
        /// The alert keeps its state until data come back.
        case keep
        /// The alert resolves.
        case ok
        /// The alert fires.
        case alert
    }

    package enum Severity: String, CaseIterable, Hashable, Sendable { case info, warning, critical }

    package init(
        expr: String, clear: String? = nil, holdFor: PromDuration? = nil, forEvaluations: Int? = nil,
        every: PromDuration = .seconds(15), keepFiringFor: PromDuration = .zero, noData: NoData = .ok,
        severity: Severity = .warning, labels: [String: String] = [:], annotations: [String: String] = [:],
        notifiers: [String] = []
    ) {
        self.expr = expr
        self.clear = clear
        self.holdFor = holdFor
        self.forEvaluations = forEvaluations
        self.every = every
        self.keepFiringFor = keepFiringFor
        self.noData = noData
        self.severity = severity
        self.labels = labels
        self.annotations = annotations
        self.notifiers = notifiers
    }
}
