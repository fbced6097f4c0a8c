import ConfigAPI
import Declarations
import Logging
import Reconciliation
import Runtime
import Telemetry

extension Reconciler {
    /// The most entries of the ledger that one report carries; the rest goes with the next ones.
    private static var entriesOfReport: Int { 5000 }

    /// Writes down what the run found and corrected: in the ledger, and in the history of corrections.
    func noteDrift(_ run: inout RunInProgress) {
        let now: Timestamp = run.report.finishedAt
        if let seenAt = run.seenAt {
            let targets: [TargetReport] = run.report.targets
            state.ledger.note(
                DriftLedger.Round(
                    changes: run.report.changes, commit: run.report.commit?.id, seenAt: seenAt, endedAt: now,
                    isKnown: { subject in targets.contains { $0.knows(subject) } }), newID: newID)
            state.corrections.note(run.report.changes, at: now)
        }
        run.report.enforcement = run.orders.present(at: now)
        run.report.contested = state.corrections.contests(at: now)
        run.report.drift = Array(state.ledger.undelivered.prefix(Self.entriesOfReport))
        for contest in run.report.contested where run.report.changes.contains(where: { $0.subject == contest.subject })
        {
            dependencies.logger.warning(
                "contested", metadata: .of([.reason: contest.text(ours: run.report.ours)]))
        }
    }

    /// The server has a report and the entries in it. The next run writes that down; after a crash before it they are sent
    /// once more, which changes nothing.
    func hasDelivered(_ entries: [DriftEntry]) { state.ledger.delivered(entries) }
}

extension TargetReport {
    /// Whether the run saw how a subject stands: a host that is away or on its way says nothing, one that is not there any
    /// more has nothing.
    fileprivate func knows(_ subject: DriftSubject) -> Bool {
        guard name == subject.target, state != .unknown else { return false }
        guard let host = subject.host, let agent = agents.first(where: { $0.host == host }) else { return true }
        return agent.state == .inSync || agent.state == .drifted
    }
}
