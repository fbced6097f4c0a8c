import Reconciliation
package import Runtime
import Synchronization
package import Telemetry

/// What the daemon says of itself: whether it still makes runs, and how they end.
package final class SyncHealth: Sendable {
    private struct State {
        var lastOutcome: RunOutcome?
        /// Since the start; the start itself before the first run ends.
        var lastRun: Duration = .zero
    }

    private let state = Mutex(State())
    /// Since the start. The time of day can be set back, and a loop that stands still would look as if it had just run.
    private let elapsed: @Sendable () -> Duration
    private let patience: PromDuration
    let registry: MetricsRegistry

    /// - Parameter patience: a daemon that completed no run for longer, and for a minute, is not healthy.
    package init(patience: PromDuration, registry: MetricsRegistry, clock: any Clock<Duration> = ContinuousClock()) {
        elapsed = clock.stopwatch()
        self.patience = max(.minutes(1), patience)
        self.registry = registry
        for outcome in RunOutcome.allCases { runs(outcome).increment(by: 0.0) }
        _ = (detect, heal)
        for failure in SyncFailure.allCases { failures(failure).increment(by: 0.0) }
    }

    /// A run has ended.
    func note(_ report: RunReport, isGitKnown: Bool) {
        let now: Duration = elapsed()
        state.withLock { state in (state.lastOutcome, state.lastRun) = (report.outcome, now) }
        runs(report.outcome).increment()
        registry.histogram("gitops_sync_run_duration_seconds", "How long runs take.")
            .observe((report.finishedAt - report.startedAt).seconds)
        gauge("gitops_sync_last_run_timestamp_seconds", "When the last run ended.").set(report.finishedAt.seconds)
        gauge("gitops_sync_in_sync", "1 while everything that is live is as declared.")
            .set(report.declaredDigest != nil && report.declaredDigest == report.liveDigest ? 1.0 : 0.0)
        gauge("gitops_sync_git_reachable", "1 where the last fetch succeeded.").set(isGitKnown ? 1.0 : 0.0)
        let corrected: Int = report.changes.count { $0.result == .applied && $0.causes.contains(.drift) }
        registry.counter("gitops_sync_drift_corrected_total", "Changes made outside git that were undone.")
            .increment(by: Double(corrected))
        gauge("gitops_sync_suspended", "1 while enforcement is suspended.")
            .set(report.enforcement?.suspension == nil ? 0.0 : 1.0)
        gauge("gitops_sync_pinned", "1 while a commit is pinned.").set(report.enforcement?.pin == nil ? 0.0 : 1.0)
        gauge("gitops_sync_tolerations", "Resources whose drift is tolerated.")
            .set(Double(report.enforcement?.tolerations.count ?? 0))
        gauge("gitops_sync_contested", "Resources that somebody changes as often as they are corrected.")
            .set(Double(report.contested.count))
        noteTimes(of: report)
    }

    /// The times of drifts that this run saw first or saw healed; a report also carries older entries again.
    private func noteTimes(of report: RunReport) {
        for entry in report.drift {
            if entry.detectedAt >= report.startedAt, let seconds = entry.detectSeconds { detect.observe(seconds) }
            if let endedAt = entry.endedAt, endedAt >= report.startedAt, let seconds = entry.healSeconds {
                heal.observe(seconds)
            }
        }
    }

    private var detect: HistogramInstrument {
        registry.histogram(
            "gitops_sync_drift_detect_seconds", "From a change outside git to its detection, where its time is known.",
            buckets: Self.driftBuckets)
    }

    private var heal: HistogramInstrument {
        registry.histogram(
            "gitops_sync_drift_heal_seconds", "From the detection of drift to its end, where it was corrected.",
            buckets: Self.driftBuckets)
    }

    /// Seconds, from what an event takes to a toleration's day.
    private static let driftBuckets: [Double] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400]

    /// A webhook came.
    func noteWebhook(isTaken: Bool) {
        registry.counter(
            "gitops_sync_webhooks_total", "Webhooks by what became of them.",
            labels: Labels(["result": isTaken ? "taken" : "refused"])
        ).increment()
    }

    /// The answer of `/healthz`.
    var isHealthy: Bool { ageOfLastRun <= patience.duration }

    /// Whether the daemon is worth keeping: whoever supervises it starts one anew that is not. A run has until its deadline,
    /// and a moment to heed it.
    func isAlive(cycleTimeout: PromDuration) -> Bool {
        ageOfLastRun <= max(patience.duration, cycleTimeout.duration + .seconds(20))
    }

    /// Since the last run was completed, or since the start.
    private var ageOfLastRun: Duration { elapsed() - state.withLock { $0.lastRun } }

    var lastOutcome: RunOutcome? { state.withLock { $0.lastOutcome } }

    var exposition: String { registry.exposition }

    private func runs(_ outcome: RunOutcome) -> CounterInstrument {
        registry.counter(
            "gitops_sync_runs_total", "Runs by outcome.", labels: Labels(["outcome": outcome.rawValue]))
    }

    private func gauge(_ name: String, _ help: String) -> GaugeInstrument { registry.gauge(name, help) }
}
