import ConfigAPI
import Declarations
import GitStore
package import Reconciliation
import Telemetry

/// What would be done, as the report of a run that did nothing.
package struct Preview: Sendable {
    package var report: RunReport
    /// A target did not answer: what would be done there is not known.
    package var isUnknown: Bool
}

extension Reconciler {
    /// What a run would do about a commit: the newest of the branch, or `revision`. Changes nothing but the repository
    /// of this reconciler.
    package func preview(revision: String?) async throws(SyncError) -> Preview {
        var run = RunInProgress(report: newReport(.manual))
        do {
            await fetch()
            if let fetchError {
                // What is here can be planned all the same.
                guard state.head != nil else { throw SyncError(fetchError) }
                run.report.errors.append(fetchError)
            }
            if let revision { state.head = try await resolve(revision).hex }
            switch try await examineHead() {
            case nil: throw SyncError("nothing has been fetched yet")
            case .refused(let info, let problems, let refusals):
                refuse(&run, info, problems, refusals)
                return Preview(report: run.report, isUnknown: false)
            case .ready(let loaded, let info, let permissions):
                run.commit = loaded
                run.report.commit = info
                run.permissions = permissions
                run.previous = await accepted()?.declared
            case .accepted: try await takeAccepted(&run)
            }
        } catch let error as SyncError { throw error } catch { throw SyncError("\(error)") }
        return await preview(&run)
    }

    /// A commit of the branch, or another branch of the remote: what is planned need not be what is enforced.
    private func resolve(_ revision: String) async throws -> ObjectID {
        do { return try await dependencies.git.resolve(revision) } catch {
            let fetched = try? await dependencies.git.fetch(configuration.remote, branch: revision)
            guard fetched != nil else { throw error }
            return try await dependencies.git.resolve(revision)
        }
    }

    /// Live state against the commit that was accepted last.
    package func drift() async throws(SyncError) -> Preview {
        var run = RunInProgress(report: newReport(.manual))
        do {
            let known: LoadedCommit? = await accepted()
            if known == nil {
                await fetch()
                if state.acceptedCommit == nil { state.acceptedCommit = state.head }
            }
            guard state.acceptedCommit != nil else { throw SyncError(fetchError ?? "no commit was accepted yet") }
            try await takeAccepted(&run)
        } catch let error as SyncError { throw error } catch { throw SyncError("\(error)") }
        return await preview(&run)
    }

    private func accepted() async -> LoadedCommit? {
        guard let id = state.acceptedCommit.flatMap(ObjectID.init(hex:)) else { return nil }
        return try? await loader.load(id)
    }

    private func takeAccepted(_ run: inout RunInProgress) async throws(GitError) {
        guard let id = state.acceptedCommit.flatMap(ObjectID.init(hex:)) else { return }
        let loaded: LoadedCommit = try await loader.load(id)
        run.report.commit = loaded.info
        run.report.problems += loaded.problems
        run.commit = loaded
    }

    private func preview(_ run: inout RunInProgress) async -> Preview {
        guard let declared = run.commit?.declared else { return Preview(report: run.report, isUnknown: false) }
        let live: LiveState = await observeAll(declared: declared)
        let comparison: Comparison = dependencies.decisions.compare(
            declared, state.inventory, state.proxyInventory, live, comparisonContext())
        // What enforcing would do is shown in observe mode too.
        let plan: Plan = dependencies.decisions.plan(
            comparison, planContext(mode: .enforce, permissions: run.permissions, previous: run.previous))
        run.report.declaredDigest = comparison.declaredDigest
        run.report.liveDigest = comparison.liveDigest
        run.report.targets = comparison.targetReports(remaining: plan)
        run.report.refusals += plan.refusals
        run.report.foreign = plan.foreign.map(\.description)
        run.report.kept = plan.kept.map(\.description)
        run.report.changes = await changes(of: plan, result: .planned)
        for index in run.report.changes.indices {
            switch plan.steps[index].treatment {
            case .apply: break
            case .leave: run.report.changes[index].result = .reported
            case .ignore: run.report.changes[index].result = .ignored
            case .refuse: run.report.changes[index].result = .refused
            }
        }
        run.report.finishedAt = dependencies.now()
        let isUnknown: Bool = run.report.targets.contains { $0.state == .unknown }
        run.facts.isRefused = !run.report.refusals.isEmpty
        run.facts.leavesDifferences = TargetName.allCases.contains(where: plan.hasDifferences)
        run.facts.hasUnknownTarget = isUnknown
        run.report.outcome = run.facts.outcome
        return Preview(report: run.report, isUnknown: isUnknown)
    }
}
