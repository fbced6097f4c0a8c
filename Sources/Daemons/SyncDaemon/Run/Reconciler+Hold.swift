import ConfigAPI
import GitStore
import Reconciliation
import Runtime

extension Reconciler {
    /// Chooses the commit where people ordered another than the newest: the pinned one, or, while enforcement is
    /// suspended, the one that was accepted last. Whether the choice is made.
    func holds(_ verdict: HeadVerdict?, _ run: inout RunInProgress) async -> Bool {
        guard orders.suspension != nil || orders.pin != nil else { return false }
        switch verdict {
        case nil: if run.commit == nil { run.facts.isFailed = true }
        case .accepted where orders.pin.map({ $0.commit != state.acceptedCommit }) ?? false:
            run.report.waitingCommit = run.acceptedInfo
        case .accepted: break
        case .ready(_, let info, _, _): run.report.waitingCommit = info.id == orders.pin?.commit ? nil : info
        case .refused(let info, _, _): run.report.waitingCommit = info
        case .behind(let info): run.report.notices.append(behind(info))
        }
        await holdPinned(&run)
        return true
    }

    /// Puts the pinned commit in the place of the accepted one, where one is pinned.
    func holdPinned(_ run: inout RunInProgress) async {
        guard let pin = orders.pin, pin.commit != state.acceptedCommit else { return }
        do {
            guard let id = ObjectID(hex: pin.commit) else { return }
            if let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)),
                try await dependencies.git.isDescendant(accepted, of: id)
            {
                return try await goBack(to: id, pin, &run)
            }
            // Ahead of the accepted commit it is judged like any new one; while nothing is written it only waits.
            guard orders.suspension == nil else { return }
            switch try await examine(id) {
            case .accepted: return
            case .behind(let info): run.report.notices.append(behind(info))
            case .ready(let loaded, let info, let permissions, let signers):
                take(loaded, info, permissions.union(pin.permissions), signers, &run)
            case .refused(let info, let problems, let refusals): refuse(&run, info, problems, refusals)
            }
        } catch {
            // It cannot be read now; nothing else is put into its place for that.
            run.commit = nil
            run.report.commit = nil
            run.report.errors.append("pinned commit \(pin.commit.prefix(10)): \(error.description)")
            run.facts.isFailed = true
        }
    }

    /// What was accepted stays accepted: the history only moves forward, also while an older commit is held.
    private func goBack(
        to id: ObjectID, _ pin: Enforcement.Pin, _ run: inout RunInProgress
    ) async throws(GitError) {
        let loaded: LoadedCommit = try await loader.load(id)
        guard loaded.declared != nil else { return refuse(&run, loaded.info, loaded.problems, []) }
        run.previous = run.commit?.declared
        run.commit = loaded
        run.report.commit = loaded.info
        run.permissions = pin.permissions
        run.isHeld = true
    }
}
