import ConfigAPI
import Declarations
import Reconciliation
import SystemdUnits
import Runtime
import Telemetry

extension Reconciler {
    /// A store that moves between reading and writing is planned for afresh; this often at most within one run.
    private static var attempts: Int { 4 }
    /// What was written past a store's triggers is found after this at the latest.
    private static var wholeReadInterval: Duration { .seconds(60) }

    /// Compares, plans, applies and verifies the run's commit.
    func enforce(_ run: inout RunInProgress, progress: @Sendable (RunProgress) async -> Void) async {
        for attempt in 1...Self.attempts {
            guard let declared = run.commit?.declared else { return await reportTargetsAlone(&run) }
            run.seenAt = run.seenAt ?? dependencies.now()
            let isJudged: Bool = run.isNew && !orders.tolerated(at: dependencies.now()).isEmpty
            let seen: LiveState = await look(declared, isWhole: isJudged)
            if let (comparison, plan) = unchanged(seen, run) { return describe(comparison, plan, in: &run) }
            let live: LiveState = await attributed(seen, declared)
            // What appears while a first commit is applied does not make the store one that was in use.
            if attempt == 1 { meet(live, &run) }
            let comparison: Comparison = compared(declared, with: live)
            let plan: Plan = dependencies.decisions.plan(
                comparison,
                planContext(
                    mode: mode, permissions: run.permissions, previous: run.previous,
                    judgesCommit: run.isNew || run.isHeld, isAccepted: !run.isNew && !run.isHeld))
            noteMeeting(comparison, &run)
            if run.isNew || run.isHeld, !plan.refusals.isEmpty {
                await fallBack(&run, problems: [], refusals: plan.refusals)
                continue
            }
            describe(comparison, plan, in: &run)
            // The server keeps which commit is accepted: without it a new one waits, and the proxy is held to the old one.
            guard live.server.value != nil || (!run.isNew && (live.proxy?.value != nil || live.units?.value != nil))
            else { return }
            run.report.changes = await changes(of: plan, result: .planned)
            if !plan.steps.isEmpty { await progress(.planned(run.report)) }
            switch await apply(plan, &run) {
            case .done:
                await verify(plan, declared: declared, before: live, &run)
                return
            case .storeMoved where attempt < Self.attempts: continue
            case .storeMoved:
                run.report.errors.append("the store kept moving; the next run plans afresh")
                run.facts.isFailed = true
                return
            case .refusedByServer(let problems):
                await fallBack(&run, problems: problems, refusals: [])
            case .failed: return
            }
        }
    }

    /// What there is to say of the targets while no commit is there to compare them with.
    private func reportTargetsAlone(_ run: inout RunInProgress) async {
        run.report.changes = []
        // Nothing was compared, which is never "in sync": suspended before a first commit was accepted, one waits.
        run.facts.leavesDifferences = true
        let live: LiveState = await observeAll(declared: nil)
        for (name, reason) in live.unknown {
            run.report.targets.append(TargetReport(name: name, state: .unknown, message: reason))
            run.facts.hasUnknownTarget = true
        }
    }

    func observeAll(declared: DeclaredState?) async -> LiveState {
        let live: LiveState = await look(declared)
        guard let declared else { return live }
        return await attributed(live, declared)
    }

    /// Finds out who deleted what is missing.
    private func attributed(_ live: LiveState, _ declared: DeclaredState) async -> LiveState {
        var live: LiveState = live
        if let snapshot = live.server.value {
            live.deletions = await deletions(
                in: snapshot, declared, state.inventory, since: state.generation, dependencies.target)
        }
        if let snapshot = live.proxy?.value, let proxy = dependencies.proxy {
            let found: [ResourceKey: ChangedBy] = await deletions(
                in: snapshot, declared, state.proxyInventory, since: state.proxyGeneration, proxy)
            live.deletions.merge(found) { first, _ in first }
        }
        return live
    }

    /// Reads what is live: as a whole at least each minute, so that nothing hides for longer that the triggers did not see,
    /// and before a new commit may go over a change that people tolerate.
    private func look(_ declared: DeclaredState?, isWhole: Bool = false) async -> LiveState {
        let recent: [TargetName: SeenStore] =
            isWhole ? [:] : seen.filter { age() - $0.value.readAt < Self.wholeReadInterval }
        let known: [TargetName: ConfigSnapshot] = recent.mapValues(\.snapshot)
        var live: LiveState = await observe(dependencies.target, proxy: dependencies.proxy, known: known)
        if let declared { live.units = await observeUnits(declared: declared) }
        for (name, store) in [(TargetName.server, live.server.value), (.proxy, live.proxy?.value)] {
            guard let store else {
                seen[name] = nil
                continue
            }
            let isKnown: Bool = known[name]?.storeId == store.storeId && known[name]?.generation == store.generation
            seen[name] = SeenStore(snapshot: store, readAt: isKnown ? recent[name]?.readAt ?? age() : age())
        }
        return live
    }

    /// What a store says it holds since our changes. Whether it stands there is asked all the same, and only where it has
    /// moved on everything is read again.
    func note(_ snapshot: ConfigSnapshot, of store: TargetName) {
        guard seen[store]?.snapshot.storeId == snapshot.storeId else { return }
        seen[store]?.snapshot = snapshot
    }

    /// Who deleted what was applied to a store, is declared and is not there.
    private func deletions(
        in snapshot: ConfigSnapshot, _ declared: DeclaredState, _ inventory: Inventory, since generation: Int,
        _ target: any ReconcileTarget
    ) async -> [ResourceKey: ChangedBy] {
        let present = Set(snapshot.resources.map(\.key))
        let missing: [ResourceKey] = inventory.entries(of: snapshot.storeId).keys.filter {
            declared.resources[$0] != nil && !present.contains($0)
        }
        return await SyncDaemon.deletions(
            of: Set(missing), since: min(generation, snapshot.generation), target: target)
    }

    private func describe(_ comparison: Comparison, _ plan: Plan, in run: inout RunInProgress) {
        run.report.declaredDigest = comparison.declaredDigest
        run.report.liveDigest = comparison.liveDigest
        run.report.targets = comparison.targetReports(remaining: plan)
        run.report.foreign = plan.foreign.map(\.description)
        run.report.kept = plan.kept.map(\.description)
        if !run.isNew { run.report.refusals += plan.refusals.filter { !run.report.refusals.contains($0) } }
        run.facts.hasUnknownTarget = run.facts.hasUnknownTarget || run.report.targets.contains { $0.state == .unknown }
    }

    /// What became of the plan, from a second look: a change counts as applied only when it is seen on the target.
    private func verify(
        _ plan: Plan, declared: DeclaredState, before: LiveState, _ run: inout RunInProgress
    ) async {
        var live: LiveState = before
        if !plan.isEmpty {
            live = await settledState(declared: declared, after: plan, of: before)
        }
        let comparison: Comparison = compared(declared, with: live)
        let rest: Plan = dependencies.decisions.plan(
            comparison, planContext(mode: mode, isAccepted: !run.isNew && !run.isHeld))
        if !plan.isEmpty {
            run.facts.hasUnknownTarget = false
            describe(comparison, rest, in: &run)
            let remaining = Set(rest.steps.filter { $0.treatment == .apply }.map(\.identity))
            for index in run.report.changes.indices where run.report.changes[index].result == .applied {
                let isOpen: Bool =
                    remaining.contains(run.report.changes[index].identity)
                    || !live.knows(run.report.changes[index].target)
                if isOpen { run.report.changes[index].result = .unverified }
            }
        }
        if let snapshot = live.server.value {
            state.inventory = state.inventory.updated(
                from: snapshot, declared: declared, source: configuration.source)
            state.generation = snapshot.generation
        }
        if let snapshot = live.proxy?.value {
            state.proxyInventory = state.proxyInventory.updated(
                from: snapshot, declared: declared, source: configuration.source)
            state.proxyGeneration = snapshot.generation
        }
        noteUnits()
        if !run.isHeld { settle(rest) { live.knows($0) } }
        noteQuiet(comparison, rest, live, run)
    }

    /// Looks until everything runs what it should, or `verify.timeout` has passed.
    private func settledState(
        declared: DeclaredState, after plan: Plan, of before: LiveState
    ) async -> LiveState {
        let planned = Comparison(ofProcesses: before, revision: declared.revision, context: comparisonContext())
        let deadline: Duration = age() + configuration.verifyTimeout.duration
        var wait: Duration = .milliseconds(50)
        while true {
            let live: LiveState = await look(declared)
            let processes = Comparison(ofProcesses: live, revision: declared.revision, context: comparisonContext())
            var isOver: Bool = processes.isSettled(after: plan, of: planned) || age() >= deadline
            if !isOver {
                do { try await dependencies.clock.sleep(for: wait) } catch { isOver = true }
            }
            if isOver { return await attributed(live, declared) }
            wait = min(wait * 2, .milliseconds(400))
        }
    }
}

extension Comparison {
    /// Whether every instance and every host runs what its store holds. Of a store that the plan did not change nothing
    /// is awaited that it cannot say.
    fileprivate func isSettled(after plan: Plan, of planned: Comparison) -> Bool {
        if let proxy {
            if !plan.storeSteps(on: .proxy).isEmpty, proxy.value == nil { return false }
            guard proxy.value?.laggingInstances.isEmpty ?? true else { return false }
        }
        if plan.storeId == nil { return true }
        guard let facts = server.value, agentsUnknown == nil else { return false }
        // A host whose drift is left as it is will not change while we wait, nor one that was changed again meanwhile.
        let corrected: Set<String> = Set(plan.resyncs.flatMap(\.hosts))
        let changes = Dictionary(planned.agents.map { ($0.host, $0.changedAt) }) { first, _ in first }
        return facts.laggingInstances.isEmpty
            && agents.allSatisfy { agent in
                switch agent.state {
                case .inSync, .unknown: true
                case .drifted:
                    !corrected.contains(agent.host) || agent.changedAt > changes[agent.host] ?? agent.changedAt
                case .converging: false
                }
            }
    }
}

extension AgentComparison {
    /// When something that differs was changed last; the beginning of time where nobody can say.
    fileprivate var changedAt: Timestamp {
        differences.compactMap(\.changedBy.at).max() ?? Timestamp(milliseconds: 0)
    }
}

extension LiveState {
    fileprivate var unknown: [(TargetName, String)] {
        var reasons: [(TargetName, String)] = []
        if case .unreachable(let reason) = server { reasons.append((.server, reason)) }
        if case .unreachable(let reason) = agents { reasons.append((.agents, reason)) }
        if case .unreachable(let reason)? = proxy { reasons.append((.proxy, reason)) }
        if case .unreachable(let reason)? = units { reasons.append((.systemd, reason)) }
        return reasons
    }

    /// Whether what became of a change on the target can be seen. (The agents' resources are the server's.)
    fileprivate func knows(_ target: TargetName) -> Bool {
        switch target {
        case .server, .agents: server.value != nil
        case .proxy: proxy?.value != nil
        // Once the last unit was given up nothing is looked at any more.
        case .systemd: units == nil || units?.value != nil
        }
    }
}

extension Step {
    var identity: String { "\(target.rawValue) \(host ?? "") \(kind)/\(name)" }
}

extension Change {
    var identity: String { "\(target.rawValue) \(host ?? "") \(kind)/\(name)" }
}
