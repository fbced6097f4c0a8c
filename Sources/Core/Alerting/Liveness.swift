package import Telemetry

/// Whether a host still reports.
package enum HostStatus: String, CaseIterable, Hashable, Sendable {
    case ok
    /// Silent for `staleAfter`.
    case stale
    /// Silent for `downAfter`.
    case down
    /// Expected, never seen, and not yet waited for long enough.
    case unknown
}

/// When silence is an event.
package struct LivenessThresholds: Hashable, Sendable {
    package var staleAfter: PromDuration
    package var downAfter: PromDuration

    package init(staleAfter: PromDuration, downAfter: PromDuration) {
        self.staleAfter = staleAfter
        self.downAfter = downAfter
    }
}

extension LivenessThresholds {
    /// The status of a host that was last heard at `lastSeen`, or never.
    ///
    /// Silence is counted from `listeningSince` at the earliest: while no server listened, no host could be heard. So a
    /// restart of the server reports nobody down at once, and a host that died meanwhile after its `downAfter`. What was
    /// `found` before the restart, and not heard of since, stays what it was: a new start is no sign of life.
    package func status(
        lastSeen: Timestamp?, listeningSince: Timestamp, now: Timestamp,
        found: (status: HostStatus, since: Timestamp)? = nil
    ) -> HostStatus {
        let heard: HostStatus = status(afterSilenceOf: now - max(lastSeen ?? listeningSince, listeningSince))
        let judged: HostStatus = heard == .down || lastSeen != nil ? heard : .unknown
        guard let found, found.since >= lastSeen ?? found.since else { return judged }
        // Thresholds that were raised since then count, too.
        let unbroken: HostStatus = status(afterSilenceOf: now - (lastSeen ?? found.since))
        let kept: HostStatus = found.status.severity < unbroken.severity ? found.status : unbroken
        return kept.severity > judged.severity ? kept : judged
    }

    private func status(afterSilenceOf silence: PromDuration) -> HostStatus {
        if silence >= downAfter { return .down }
        return silence >= staleAfter ? .stale : .ok
    }
}

extension HostStatus {
    fileprivate var severity: Int {
        switch self {
        case .ok, .unknown: 0
        case .stale: 1
        case .down: 2
        }
    }
}
