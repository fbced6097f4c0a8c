import ConfigAPI
import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import Telemetry

extension Reconciler {
    /// Whether this run changes anything: as configured, and never while a first meeting lasts or a person suspended it.
    var mode: RunMode { isMeeting || orders.suspension != nil ? .observe : configuration.mode }

    /// Whether the store is one that others filled and no person has said `enforce` yet.
    var isMeeting: Bool {
        if case .observing = state.firstMeeting { return true }
        return false
    }

    /// Begins to observe where the store is not empty and neither it nor this machine knows a commit of this source:
    /// somebody else made what is there, and the plan may be a surprise.
    func meet(_ live: LiveState, _ run: inout RunInProgress) {
        guard configuration.mode == .enforce, state.acceptedCommit == nil, state.firstMeeting == nil, hasAskedForAnchor,
            let commit = run.commit, let snapshot = live.server.value, !snapshot.resources.isEmpty
        else { return }
        state.firstMeeting = .observing(since: dependencies.now(), commit: commit.id.hex)
        run.report.mode = mode
        dependencies.logger.notice(
            "first meeting with a store in use: observing", metadata: .of([.commit: commit.id.hex]))
    }

    /// Says what enforcing would be up against.
    func noteMeeting(_ comparison: Comparison, _ run: inout RunInProgress) {
        guard isMeeting, let commit = run.commit, comparison.server.value != nil else { return }
        let preview: Plan = Reconciliation.plan(
            comparison, context: planContext(mode: .enforce, permissions: run.permissions, judgesCommit: true))
        let foreign: Int = comparison.differences.count { $0.live != nil && $0.live?.owner != configuration.source }
        run.report.notices =
            [
                "first meeting: the store holds \(counted(foreign, "resource")) of others and no commit of source "
                    + "\"\(configuration.source)\" was ever accepted there, so nothing is changed. This is what commit "
                    + "\(commit.info.text) would change; \"gitops-sync plan\" shows it at any time, \"gitops-sync enforce\" begins"
            ] + preview.refusals.map { "enforcing would be refused by guard \($0.guardName.rawValue): \($0.message)" }
    }

    /// Ends the first meeting on the word of a person on this machine; also ahead of it.
    package func beginEnforcing() throws(SyncError) {
        guard configuration.mode == .enforce else {
            throw SyncError("the bootstrap config says mode: observe; change it there and restart the daemon")
        }
        guard state.acceptedCommit == nil else { throw SyncError("this daemon enforces already") }
        state.firstMeeting = .ended(commit: state.firstMeeting?.commit)
        examined = nil
        do { try persistState() } catch { throw SyncError(error.description) }
        dependencies.logger.notice("first meeting ended: enforcing", metadata: [:])
    }
}
