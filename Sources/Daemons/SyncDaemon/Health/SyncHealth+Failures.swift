import Declarations
import Reconciliation
import Runtime
import Telemetry

/// What can fail in a run or beside it. Each has a counter from the start.
package enum SyncFailure: String, CaseIterable, Sendable {
    /// A fetch.
    case git
    /// A target that did not answer or could not be read.
    case server, agents, proxy, systemd
    /// A change that was refused by its target, or not seen to take effect.
    case change
    /// A commit that was not taken.
    case refusal
    /// A report that the server did not get; it is sent later, unless the server refused it.
    case report
    /// The end of a run that the server was not told of.
    case heartbeat
    /// A local notice that its receiver did not get.
    case fallback
    /// An attempt to follow a component's events.
    case events
    /// A round of previews.
    case previews
    /// A file of the state directory that could not be written.
    case state
    /// A run that was cut off, or hung until the program ended.
    case cycle
    /// Anything else that made a run fail.
    case run
}

extension SyncHealth {
    /// Counts one failure.
    func count(_ failure: SyncFailure, _ number: Int = 1) {
        guard number > 0 else { return }
        failures(failure).increment(by: Double(number))
    }

    func failures(_ failure: SyncFailure) -> CounterInstrument {
        registry.counter(
            "gitops_sync_failures_total", "What failed, by kind.", labels: Labels(["kind": failure.rawValue]))
    }

    /// Counts what failed in a run.
    func countFailures(of report: RunReport, isGitKnown: Bool, unsentReports: Int) {
        if !isGitKnown { count(.git) }
        for target in report.targets where target.state == .unknown {
            if let failure = SyncFailure(rawValue: target.name.rawValue) { count(failure) }
        }
        count(.change, report.changes.count { $0.result == .failed || $0.result == .unverified })
        if report.outcome == .refused || report.outcome == .rolledBack { count(.refusal) }
        if report.outcome == .failed { count(.run) }
        if unsentReports > 0 { count(.report) }
        registry.gauge("gitops_sync_unsent_reports", "Reports that the server has not got yet.")
            .set(Double(unsentReports))
    }
}
