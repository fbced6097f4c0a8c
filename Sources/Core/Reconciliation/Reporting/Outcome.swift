/// What became of a run, the first of these that holds.
package enum RunOutcome: String, CaseIterable, Hashable, Sendable {
    case failed, refused, rolledBack
    /// A known difference was left in place.
    case drifted
    /// A target is unknown.
    case incomplete
    /// Drift was corrected.
    case corrected
    /// Only changes of the commit were made.
    case applied
    case inSync

    /// The exit status of `gitops-sync once`.
    package var exitStatus: Int32 {
        switch self {
        case .inSync: 0
        case .applied, .corrected: 3
        case .drifted: 4
        case .incomplete: 5
        case .refused, .rolledBack: 6
        case .failed: 1
        }
    }
}

/// What a run came to, as far as the outcome depends on it.
package struct RunFacts: Hashable, Sendable {
    package var isFailed = false
    package var isRefused = false
    package var leavesDifferences = false
    package var hasUnknownTarget = false
    package var correctedDrift = false
    package var appliedCommit = false

    package init() {}

    package var outcome: RunOutcome {
        if isFailed { return .failed }
        if isRefused { return .refused }
        if leavesDifferences { return .drifted }
        if hasUnknownTarget { return .incomplete }
        if correctedDrift { return .corrected }
        return appliedCommit ? .applied : .inSync
    }
}

/// Why a run was made.
package enum RunTrigger: String, CaseIterable, Hashable, Sendable {
    case timer, webhook, manual, startup, signal
    /// A component said that something changed.
    case event
}
