import ConfigAPI
import Declarations
import GitStore
package import Reconciliation
import SystemdUnits
import Telemetry

/// What would be done, as the report of a run that did nothing.
package struct Preview: Sendable {
    package var report: RunReport
    /// A target did not answer: what would be done there is not known.
    package var isUnknown: Bool
}

/// What is planned.
package enum PlanSubject: Hashable, Sendable {
    /// The newest commit of the branch that is followed, judged as a run would.
    case newest
    /// A commit of any branch, or a branch.
    case revision(String)
    /// Exactly this branch of the remote.
    case branch(String)
}

extension Reconciler {
    /// What a run would do about a commit. Changes nothing but the repository of this reconciler.
    package func preview(_ subject: PlanSubject) async throws(SyncError) -> Preview {
        var run = RunInProgress(report: newReport(.manual))
        do {
            await fetch()
            noteRemotes(&run)
            if let fetchError {
                // What is here can be planned all the same.
                guard state.head != nil else { throw SyncError(fetchError) }
                run.report.errors.append(fetchError)
            }
            if let other = try await commit(of: subject) {
                try await examine(other, &run)
                return await preview(&run)
            }
            switch try await examineHead() {
            case nil: throw SyncError("nothing has been fetched yet")
            case .refused(let info, let problems, let refusals):
                refuse(&run, info, problems, refusals)
                return Preview(report: run.report, isUnknown: false)
            case .behind(let info):
                run.report.notices.append(behind(info))
                try await takeEnforced(&run)
            case .ready(let loaded, let info, let permissions, let signers):
                run.report.signers = signers
                run.commit = loaded
                run.report.commit = info
                run.permissions = permissions
                run.previous = await enforced()?.declared
            case .accepted: try await takeEnforced(&run)
            }
        } catch let error as SyncError { throw error } catch { throw SyncError("\(error)") }
        return await preview(&run)
    }

    /// The commit to plan where it is not the newest of the branch that is followed.
    private func commit(of subject: PlanSubject) async throws -> ObjectID? {
        switch subject {
        case .newest: return nil
        case .branch(let name):
            return try await dependencies.git.fetch(configuration.remotes, branch: name).result.head
        case .revision(let revision):
            if revision == configuration.repository.branch { return nil }
            // A branch first: what was fetched of it earlier may be old.
            do { return try await dependencies.git.fetch(configuration.remotes, branch: revision).result.head } catch {
                return try await dependencies.git.resolve(revision)
            }
        }
    }

    /// Judges a commit that is not the one a run would look at. What is wrong with it is told beside its plan: whoever
    /// asks wants to see both.
    private func examine(_ id: ObjectID, _ run: inout RunInProgress) async throws(GitError) {
        let newest: GitCommit = try await dependencies.git.commit(id)
        run.report.commit = CommitInfo(newest)
        let accepted: ObjectID? = state.acceptedCommit.flatMap(ObjectID.init(hex:))
        if let accepted, try await !descends(id, from: accepted) {
            run.report.notices.append(
                "\(newest.id.short) does not contain the accepted commit \(accepted.short), so this plan also takes back "
                    + "what came there since; rebase it")
        }
        let new: CommitRange = try await newCommits(through: newest, accepted: accepted)
        switch try await judgeSignatures(of: new, through: id) {
        case .trusted(let names): run.report.signers = names
        case .refused(let refusal): run.report.refusals.append(refusal)
        }
        let loaded: LoadedCommit = try await loader.load(id)
        run.report.problems += loaded.problems
        run.commit = loaded
        run.permissions = permissions(in: new.commits.map(\.message))
        run.previous = await self.enforced()?.declared
    }

    /// Live state against the commit that is held: the one that was accepted last, or a pinned one.
    package func drift() async throws(SyncError) -> Preview {
        var run = RunInProgress(report: newReport(.manual))
        do {
            let known: LoadedCommit? = await enforced()
            if known == nil {
                await fetch()
                if state.acceptedCommit == nil { state.acceptedCommit = state.head }
            }
            guard state.acceptedCommit != nil else { throw SyncError(fetchError ?? "no commit was accepted yet") }
            try await takeEnforced(&run)
        } catch let error as SyncError { throw error } catch { throw SyncError("\(error)") }
        return await preview(&run)
    }

    /// The commit that is held: the pinned one, else the one that was accepted last.
    func enforced() async -> LoadedCommit? {
        guard let id = (orders.pin?.commit ?? state.acceptedCommit).flatMap(ObjectID.init(hex:)) else { return nil }
        return try? await loader.load(id)
    }

    private func takeEnforced(_ run: inout RunInProgress) async throws(GitError) {
        guard let id = (orders.pin?.commit ?? state.acceptedCommit).flatMap(ObjectID.init(hex:)) else { return }
        let loaded: LoadedCommit = try await loader.load(id)
        run.report.commit = loaded.info
        run.report.problems += loaded.problems
        run.commit = loaded
    }

    private func preview(_ run: inout RunInProgress) async -> Preview {
        guard let declared = run.commit?.declared else { return Preview(report: run.report, isUnknown: false) }
        let live: LiveState = await observeAll(declared: declared)
        let comparison: Comparison = compared(declared, with: live)
        // What enforcing would do is shown in observe mode too.
        let isAccepted: Bool = run.commit?.id.hex == state.acceptedCommit
        let plan: Plan = dependencies.decisions.plan(
            comparison,
            planContext(
                mode: .enforce, permissions: run.permissions, previous: run.previous, judgesCommit: !isAccepted,
                isAccepted: isAccepted))
        run.report.declaredDigest = comparison.declaredDigest
        run.report.liveDigest = comparison.liveDigest
        run.report.targets = comparison.targetReports(remaining: plan)
        run.report.refusals += plan.refusals
        run.report.foreign = plan.foreign.map(\.description)
        run.report.kept = plan.kept.map(\.description)
        run.report.changes = await changes(of: plan, result: .planned)
        for index in run.report.changes.indices {
            guard let result = plan.steps[index].treatment.resultUnlessApplied else { continue }
            run.report.changes[index].result = result
        }
        run.report.finishedAt = dependencies.now()
        run.report.enforcement = orders.present(at: dependencies.now())
        run.report.contested = state.corrections.contests(at: dependencies.now())
        let isUnknown: Bool = run.report.targets.contains { $0.state == .unknown }
        run.facts.isRefused = !run.report.refusals.isEmpty
        run.facts.leavesDifferences = TargetName.allCases.contains(where: plan.hasDifferences)
        run.facts.hasUnknownTarget = isUnknown
        run.report.outcome = run.facts.outcome
        return Preview(report: run.report, isUnknown: isUnknown)
    }
}
