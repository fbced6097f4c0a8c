import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import Telemetry

/// How applying a plan ended.
enum ApplyResult {
    /// The commit is accepted and its steps are done, apart from those whose changes say otherwise.
    case done
    /// Somebody wrote in between: nothing was changed.
    case storeMoved
    /// The server does not take the new commit: nothing was changed.
    case refusedByServer([Diagnostic])
    /// The changes say what happened.
    case failed
}

extension Reconciler {
    /// Carries a plan out: one request to the store, then the hosts. Nothing is written while observing.
    func apply(_ plan: Plan, _ run: inout RunInProgress) async -> ApplyResult {
        let changesStore: Bool = !plan.storeSteps.isEmpty
        let answersServer: Bool = plan.storeId != nil
        if changesStore || (run.isNew && answersServer && mode == .enforce) {
            let lease: Lease
            do { lease = try await takeLease() } catch {
                return fail(plan, error, &run)
            }
            if let error = learnsAnchor(lease) ?? objection(to: run) { return fail(plan, error, &run) }
            let error: TargetError? = await followAnchor(
                lease, of: plan.storeId, known: state.inventory, judging: run)
            if let error { return fail(plan, error, &run) }
            if changesStore {
                let result: ApplyResult? = await applyToStore(plan, epoch: lease.epoch, &run)
                if let result { return result }
            }
            await renewAnchor(lease, run)
        }
        if run.isNew, mode == .enforce { await accept(&run) }
        run.report.permissions = permissionsUsed(plan, run).sorted { $0.rawValue < $1.rawValue }
        for index in run.report.changes.indices {
            let step: Step = plan.steps[index]
            run.report.changes[index].result = step.settledResult
        }
        await applyToProxy(plan, &run)
        await applyToUnits(plan, &run)
        await resync(plan, &run)
        return .done
    }

    /// Where the server could not be asked for the accepted commit before, the commit was judged without its history:
    /// nothing is done, and the next run judges it anew.
    private func learnsAnchor(_ lease: Lease) -> TargetError? {
        guard state.acceptedCommit == nil, !hasAskedForAnchor else { return nil }
        hasAskedForAnchor = true
        state.acceptedCommit = lease.acceptedCommit
        let known: String = lease.acceptedCommit.map { String($0.prefix(10)) } ?? "no commit"
        return .unreachable("it knows \(known) as accepted, which could not be asked before; the next run goes on")
    }

    /// Nil where the store took the changes.
    private func applyToStore(_ plan: Plan, epoch: Int, _ run: inout RunInProgress) async -> ApplyResult? {
        guard let commit = run.commit else { return .failed }
        let sources = await sources(of: plan, in: commit)
        guard let patch = plan.patch(requestId: newID(), leaseEpoch: epoch, sources: sources) else { return nil }
        let startedAt: Timestamp = dependencies.now()
        let deletionsBefore: [SyncState.Deletion] = state.deletions
        noteKept(of: commit)
        noteDeletions(of: plan.storeSteps)
        do throws(TargetError) { note(try await send(patch, to: dependencies.target, run), of: .server) } catch {
            if !error.isUnknown { state.deletions = deletionsBefore }
            switch error {
            case .conflict(let conflict) where conflict.isOfStore(plan): return .storeMoved
            case .rejected(let rejection) where run.isNew:
                let problems: [Diagnostic] = rejection.diagnostics(for: commit)
                rejected = (commit.id.hex, problems)
                return .refusedByServer(problems)
            default: return fail(plan, error, &run)
            }
        }
        let span: PromDuration = dependencies.now() - startedAt
        for index in plan.steps.indices where plan.steps[index].target == .server {
            run.report.changes[index].milliseconds = Int(span.milliseconds)
        }
        return nil
    }

    /// The proxy's part, by a lease and a request of its own: what fails there is said of its changes alone, and the next
    /// run tries again.
    private func applyToProxy(_ plan: Plan, _ run: inout RunInProgress) async {
        guard let proxy = dependencies.proxy, let commit = run.commit, !plan.storeSteps(on: .proxy).isEmpty else {
            return
        }
        let startedAt: Timestamp = dependencies.now()
        let deletionsBefore: [SyncState.Deletion] = state.deletions
        do throws(TargetError) {
            if let error = objection(to: run) ?? ignorance() { throw error }
            var serverKnowsCommit = false
            if plan.storeId != nil {
                // Whom the server keeps from writing, because another one enforces or a later commit was accepted, does
                // not write here either: the proxy may not have heard of that.
                let held: Lease = try await takeLease()
                let error: TargetError? = await followAnchor(
                    held, of: plan.storeId, known: state.inventory, judging: run)
                if let error { throw error }
                serverKnowsCommit = held.acceptedCommit == commit.id.hex
            }
            let lease: Lease = try await takeLease(on: proxy)
            // Its own note is what holds back an old commit while the server is away. Where the server names this commit,
            // that counts: of a rewritten history that a person accepted the proxy has not heard yet.
            if !serverKnowsCommit {
                let error: TargetError? = await followAnchor(
                    lease, of: plan.proxyStoreId, known: state.proxyInventory, judging: run)
                if let error { throw error }
            }
            let sources: [ResourceKey: ResourceSource] = await sources(of: plan, in: commit)
            let patch: ConfigPatch? = plan.patch(
                for: .proxy, requestId: newID(), leaseEpoch: lease.epoch, sources: sources)
            if let patch {
                noteKept(of: commit)
                noteDeletions(of: plan.storeSteps(on: .proxy))
                note(try await send(patch, to: proxy, run), of: .proxy)
            }
            if let accepted = state.acceptedCommit, lease.acceptedCommit != accepted {
                _ = try await takeLease(accepting: accepted, on: proxy)
            }
        } catch {
            if !error.isUnknown { state.deletions = deletionsBefore }
            run.report.errors.append("proxy: \(error.description)")
            if error.isUnknown { run.facts.hasUnknownTarget = true } else { run.facts.isFailed = true }
            for index in run.report.changes.indices where plan.steps[index].target == .proxy {
                guard plan.steps[index].treatment == .apply else { continue }
                run.report.changes[index].result = error.isUnknown ? .unverified : .failed
                run.report.changes[index].error = error.description
            }
            return
        }
        let span: PromDuration = dependencies.now() - startedAt
        for index in plan.steps.indices where plan.steps[index].target == .proxy {
            run.report.changes[index].milliseconds = Int(span.milliseconds)
        }
    }

    /// Remembers what a commit wants to stay when it is dropped, before any of it is applied: after a crash in between,
    /// nobody else knows.
    func noteKept(of commit: LoadedCommit) {
        guard let declared = commit.declared else { return }
        let before: [Set<ResourceKey>] = [state.inventory.kept, state.proxyInventory.kept]
        state.inventory.noteKept(of: declared)
        state.proxyInventory.noteKept(of: declared)
        if before != [state.inventory.kept, state.proxyInventory.kept] { persistNotes() }
    }

    /// Counts deletions before they are sent, on disk too: whoever is killed before the answer would delete as much again.
    func noteDeletions(of steps: [Step]) {
        let keys: [ResourceKey] = steps.filter { $0.action == .delete && $0.renamed == nil }.compactMap(\.key)
        guard !keys.isEmpty else { return }
        state.noteDeletions(keys, at: dependencies.now(), uptime: dependencies.uptime())
        persistNotes()
    }

    func persistNotes() {
        do { try persistState() } catch {
            dependencies.logger.error("state not written", metadata: .of([.error: error.description]))
        }
    }

    /// Sends a patch, once more where the answer was lost: the request id makes both one. Nothing goes out under orders
    /// that are not those of the run any more, also where they were answered while it asked for something else.
    private func send(
        _ patch: ConfigPatch, to target: any ReconcileTarget, _ run: RunInProgress
    ) async throws(TargetError) -> ConfigSnapshot {
        if let error = objection(to: run) { throw error }
        do throws(TargetError) { return try await target.apply(patch) } catch {
            guard case .unreachable = error, !Task.isCancelled else { throw error }
        }
        try? await dependencies.clock.sleep(for: .milliseconds(200))
        if let error = objection(to: run) { throw error }
        return try await target.apply(patch)
    }

    private func fail(_ plan: Plan, _ error: TargetError, _ run: inout RunInProgress) -> ApplyResult {
        run.report.errors.append("server: \(error.description)")
        let isUnknown: Bool = error.isUnknown
        if isUnknown { run.facts.hasUnknownTarget = true } else { run.facts.isFailed = true }
        for index in run.report.changes.indices {
            let step: Step = plan.steps[index]
            guard step.treatment == .apply else {
                run.report.changes[index].result = step.settledResult
                continue
            }
            run.report.changes[index].result = isUnknown ? .unverified : .failed
            run.report.changes[index].error = error.description
        }
        return .failed
    }

    private func accept(_ run: inout RunInProgress) async {
        guard let commit = run.commit else { return }
        run.report.previousCommit = state.acceptedCommit
        state.acceptedCommit = commit.id.hex
        if state.permittedRewrite?.commit != commit.id.hex { state.permittedRewrite = nil }
        state.firstMeeting = nil
        owe(run)
        run.isNew = false
        dependencies.logger.info("commit accepted", metadata: .of([.commit: commit.id.hex]))
        // So that it can be read offline, even where the branch is rewritten later.
        do { try await dependencies.git.keep(commit.id, as: "accepted") } catch {
            run.report.errors.append(error.description)
        }
        // Before the server hears of it: a successor that learns the commit from there would not know what it allows.
        if !state.owed.isEmpty { persistNotes() }
        do { try await writeAnchor(commit.id.hex) } catch {
            return run.report.errors.append(
                "server: the accepted commit is not written down there: \(error.description)")
        }
        // So that the proxy too holds back an earlier one while the server is away; where it does not hear it, it hears it
        // with the next change.
        if let proxy = dependencies.proxy { _ = try? await takeLease(accepting: commit.id.hex, on: proxy) }
    }

    private func resync(_ plan: Plan, _ run: inout RunInProgress) async {
        for request in plan.resyncs {
            do throws(TargetError) {
                if let error = objection(to: run) { throw error }
                try await dependencies.target.resync(request)
            } catch {
                for index in plan.steps.indices where request.hosts.contains(plan.steps[index].host ?? "") {
                    guard plan.steps[index].treatment == .apply else { continue }
                    run.report.changes[index].result = error.isUnknown ? .unverified : .failed
                    run.report.changes[index].error = error.description
                }
            }
        }
    }
}

extension Step {
    /// The result of a step once its plan was carried out.
    fileprivate var settledResult: Change.Result { treatment.resultUnlessApplied ?? .applied }
}

extension ConfigConflict {
    /// Whether the store has moved; else somebody else holds the lease, and planning afresh would not help.
    fileprivate func isOfStore(_ plan: Plan) -> Bool {
        storeId != plan.storeId || generation != plan.generation
    }
}

extension ConfigRejection {
    /// The errors at the places of the resources in the commit.
    fileprivate func diagnostics(for commit: LoadedCommit) -> [Diagnostic] {
        errors.map { item in
            let declared = ResourceKind(rawValue: item.kind).flatMap {
                commit.declared?.resources[ResourceKey($0, item.name)]
            }
            let path: String = item.path.isEmpty ? "" : "\(item.path): "
            return Diagnostic(
                file: declared?.file ?? "\(item.kind)/\(item.name)", mark: declared?.mark ?? Mark(line: 1, column: 1),
                message: "the server refuses it: \(path)\(item.message)")
        }
    }
}
