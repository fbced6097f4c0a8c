package import Telemetry

/// One alert of one rule, told apart by its labels. Its identity is (rule name, labels): an edit of the rule keeps it.
package struct AlertInstance: Hashable, Sendable {
    package var labels: Labels
    package var state: State
    /// When the expression began to match without a gap; kept while the alert fires.
    package var activeSince: Timestamp
    /// How many evaluations in a row have matched.
    package var matches: Int
    package var lastMatchAt: Timestamp
    package var value: Double
    package var firedAt: Timestamp?

    package enum State: String, CaseIterable, Hashable, Sendable {
        /// Known and quiet; kept only by rules that alert on missing data. Leaves to `pending`, `firing` or is forgotten.
        case inactive
        /// Matches, but not long enough. Leaves to `firing` or, at the first evaluation that does not match, is dropped.
        case pending
        /// Has been notified. Leaves only by resolving.
        case firing
    }

    package init(
        labels: Labels, state: State, activeSince: Timestamp, matches: Int, lastMatchAt: Timestamp, value: Double,
        firedAt: Timestamp? = nil
    ) {
        self.labels = labels
        self.state = state
        self.activeSince = activeSince
        self.matches = matches
        self.lastMatchAt = lastMatchAt
        self.value = value
        self.firedAt = firedAt
    }
}

/// What one evaluation of a rule's expressions found.
package struct RuleObservation: Sendable {
    package var at: Timestamp
    /// The series that match, with their values.
    package var matching: [Labels: Double]
    /// The series for which there is data at all, matching or not; nil where the expression cannot tell.
    package var present: Set<Labels>?
    /// The series that match the rule's `clear` expression; nil where the rule has none.
    package var clearing: Set<Labels>?

    package init(at: Timestamp, matching: [Labels: Double], present: Set<Labels>?, clearing: Set<Labels>? = nil) {
        self.at = at
        self.matching = matching
        self.present = present
        self.clearing = clearing
    }
}

/// A change that somebody is told of.
package struct AlertTransition: Hashable, Sendable {
    package var labels: Labels
    package var kind: Kind
    package var at: Timestamp
    package var value: Double
    package var activeSince: Timestamp

    package enum Kind: String, CaseIterable, Hashable, Sendable { case firing, resolved }

    package init(labels: Labels, kind: Kind, at: Timestamp, value: Double, activeSince: Timestamp) {
        self.labels = labels
        self.kind = kind
        self.at = at
        self.value = value
        self.activeSince = activeSince
    }
}
