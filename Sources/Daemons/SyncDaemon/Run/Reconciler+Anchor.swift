import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Reconciliation
import Telemetry

extension Reconciler {
    /// The anchor only moves forward: where a store remembers a later accepted commit than this state directory does
    /// (another machine enforced meanwhile, or the directory is an old copy), that one counts from now on. Nothing is
    /// written by a run that did not know of it; nil where this run may write.
    func followAnchor(
        _ lease: Lease, of store: String?, known: Inventory, judging run: RunInProgress
    ) async -> TargetError? {
        guard let anchor = lease.acceptedCommit, let commit = run.commit?.id, anchor != commit.hex else { return nil }
        if anchor == state.acceptedCommit || state.permittedRewrite?.commit == commit.hex { return nil }
        if state.acceptedCommit != nil {
            // A restored store remembers less than this directory does.
            if let known = known.storeId, let store, known != store { return nil }
            // Earlier than ours: an answer was lost, or the store was restored. Later than ours, what was allowed before
            // it was used up by whoever accepted it: the commit is judged anew from there.
            if let id = ObjectID(hex: anchor), await contains(commit, id), await !isLater(id) { return nil }
        }
        hasAskedForAnchor = true
        takeOver(anchor)
        return .unreachable("it knows \(anchor.prefix(10)) as accepted, which was not known here; the next run goes on")
    }

    /// Goes on from a commit that the store knows as accepted. A store that knows one was met before: an old copy of the
    /// state directory may not know that.
    func takeOver(_ anchor: String) {
        state.acceptedCommit = anchor
        state.firstMeeting = nil
        state.owed = [:]
    }

    /// Writes down what is enforced where a store remembers something earlier: an answer was lost, or it was restored.
    func renewAnchor(_ lease: Lease, _ run: RunInProgress) async {
        guard !run.isNew, let accepted = state.acceptedCommit, lease.acceptedCommit != accepted else { return }
        // The next run that writes tries again.
        try? await writeAnchor(accepted)
    }

    /// Writes down on the server which commit is accepted. Only then a rewrite that a person permitted is done with: until
    /// it has heard of that, the server's own note contradicts.
    func writeAnchor(_ commit: String) async throws(TargetError) {
        _ = try await takeLease(accepting: commit)
        if state.permittedRewrite?.commit == commit { state.permittedRewrite = nil }
    }

    /// Whether `anchor` comes after the commit that was accepted here.
    private func isLater(_ anchor: ObjectID) async -> Bool {
        guard let own = state.acceptedCommit.flatMap(ObjectID.init(hex:)), own != anchor else { return false }
        return await contains(anchor, own)
    }

    /// Whether `commit` is `other` or comes after it. What the repository has not got comes from elsewhere.
    private func contains(_ commit: ObjectID, _ other: ObjectID) async -> Bool {
        let answer: Bool? = try? await dependencies.git.isDescendant(commit, of: other)
        return answer ?? false
    }
}
