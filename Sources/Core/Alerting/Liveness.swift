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
    /// restart of the server reports nobody down at once, and a host that died meanwhile after its `downAfter`.
    package func status(lastSeen: Timestamp?, listeningSince: Timestamp, now: Timestamp) -> HostStatus {
        let silence: PromDuration = now - max(lastSeen ?? listeningSince, listeningSince)
        if silence >= downAfter { return .down }
        guard lastSeen != nil else { return .unknown }
        return silence >= staleAfter ? .stale : .ok
    }
}
