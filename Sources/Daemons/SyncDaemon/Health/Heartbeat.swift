package import ConfigAPI
package import ConfigAPIClient
import Declarations
import Reconciliation
package import Runtime
import Telemetry

/// Who is told that a run was completed.
package protocol ReconcilerListener: Sendable {
    func note(_ status: ReconcilerStatus) async throws(ConfigAPIClientError)
}

extension ConfigAPIClient: ReconcilerListener {}

extension Reconciler {
    /// What the server is told at the end of a run: that it was completed, how, and which commit is enforced.
    func status(after report: RunReport, patience: PromDuration?) -> ReconcilerStatus {
        let drift: Int = report.changes.count { $0.causes.contains(.drift) && $0.result != .ignored }
        return ReconcilerStatus(
            source: configuration.source, host: dependencies.host, patience: patience,
            outcome: report.outcome.rawValue,
            // Equal runs are one record, under the first one's id.
            report: log.newest?.id ?? report.id, drift: drift,
            generation: report.knows(.server) ? state.generation : nil,
            commit: report.commit.map { AppliedCommit(id: $0.id, committedAt: $0.committedAt) })
    }
}

/// Tells the server that a run was completed, and people by another way while the server is away.
package struct Heartbeat: Sendable {
    private let listener: any ReconcilerListener
    private let fallback: FallbackNotices?
    private let health: SyncHealth
    private let now: WallClock

    package init(
        listener: any ReconcilerListener, fallback: FallbackNotices?, health: SyncHealth, now: @escaping WallClock
    ) {
        self.listener = listener
        self.fallback = fallback
        self.health = health
        self.now = now
    }

    /// Never throws: what goes wrong is counted, and the next run's end says it anew.
    func beat(_ status: ReconcilerStatus) async {
        var isHeard = true
        do { try await listener.note(status) } catch {
            health.count(.heartbeat)
            // One that answers and refuses is there.
            isHeard = !error.isUnknown
        }
        guard let fallback else { return }
        if await !fallback.note(status, isServerThere: isHeard, at: now()) { health.count(.fallback) }
    }
}
