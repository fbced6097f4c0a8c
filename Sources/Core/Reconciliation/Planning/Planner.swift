import Declarations
import ConfigAPI

/// Decides what is to be done about a comparison. A pure function: equal inputs give equal plans.
package func plan(_ comparison: Comparison, context: PlanContext) -> Plan {
    Planner(comparison: comparison, context: context).plan()
}

private struct Planner {
    let comparison: Comparison
    let context: PlanContext
    private let findings: Findings

    init(comparison: Comparison, context: PlanContext) {
        self.comparison = comparison
        self.context = context
        findings = Findings(comparison.differences)
    }

    func plan() -> Plan {
        var plan = Plan(
            revision: comparison.revision, mode: context.mode, storeId: comparison.server.value?.storeId,
            generation: comparison.server.value?.generation,
            proxyStoreId: comparison.proxy?.value?.storeId, proxyGeneration: comparison.proxy?.value?.generation,
            steps: [], resyncs: [], refusals: [],
            foreign: comparison.keys(of: .foreign), kept: comparison.keys(of: .kept))
        var storeSteps: [Step] = comparison.differences.compactMap(storeStep)
        markRenames(&storeSteps)
        if context.mode == .enforce { plan.refusals = refuse(&storeSteps) }
        plan.steps = ordered(storeSteps)
        // Without the server's store nobody knows whose the resources of the hosts are.
        guard comparison.server.value != nil else { return plan }
        let ofHosts: [(AgentComparison, [Step])] = comparison.agents.map { ($0, $0.differences.map(agentStep)) }
        plan.steps += ofHosts.flatMap(\.1)
        plan.resyncs = resyncs(ofHosts)
        return plan
    }

    // MARK: Steps of the store

    private func storeStep(_ difference: Difference) -> Step? {
        guard let action = action(for: difference.finding) else { return nil }
        var step = Step(
            target: difference.key.kind.target.store, kind: difference.key.kind.rawValue,
            name: difference.key.name, action: action, causes: difference.causes, fields: fields(of: difference),
            changedBy: difference.changedBy)
        step.treatment = held(step, as: treatment(of: difference))
        step.spec = difference.declared?.spec
        step.takesOwnership = difference.live.map { $0.owner != comparison.source } ?? false
        step.file = difference.declared?.file
        step.line = difference.declared?.mark.line
        return step
    }

    private func action(for finding: Difference.Finding) -> Step.Action? {
        switch finding {
        case .same, .gone, .foreign, .kept: nil
        case .create: .create
        case .update: .update
        case .convergedOutside: .record
        case .adopt, .contested: .adopt
        case .prune: .delete
        }
    }

    private func treatment(of difference: Difference) -> Step.Treatment {
        let isDriftOnly: Bool = difference.causes == [.drift]
        let policy: DriftPolicy = difference.declared?.annotations.drift ?? .correct
        if isDriftOnly && policy == .ignore { return .ignore }
        // A note about what was applied is no correction; while observing it can wait.
        if context.mode == .observe { return difference.finding == .convergedOutside ? .ignore : .leave(.observe) }
        return isDriftOnly && policy == .report ? .leave(.report) : .apply
    }

    /// A tolerated resource is left while it differs, also where a commit moves it: the commit has it once the toleration
    /// ends. What git alone moved is never held up by a contest.
    private func held(_ step: Step, as treatment: Step.Treatment) -> Step.Treatment {
        guard step.causes.contains(.drift), step.action != .record, treatment != .ignore else { return treatment }
        if let key = step.key, context.tolerated.contains(key) { return .leave(.tolerated) }
        guard treatment == .apply, step.causes == [.drift], context.isDeferred(step.subject, step.driftedPaths) else {
            return treatment
        }
        return .leave(.contested)
    }

    // MARK: Fields

    private func fields(of difference: Difference) -> [FieldChange] {
        guard difference.isContentDifferent else { return [] }
        let kind = difference.key.kind
        let changes = fieldChanges(declared: difference.declared?.spec, live: difference.live?.spec, kind: kind)
        guard difference.causes == [.commit, .drift], let live = difference.live, let declared = difference.declared,
            let applied = context.previous?.resources[difference.key], applied.digest == difference.appliedDigest
        else { return changes }
        let byGit = Set(fieldDifferences(declared: declared.spec, live: applied.spec).map(\.path))
        let byOthers = Set(fieldDifferences(declared: applied.spec, live: live.spec).map(\.path))
        return changes.map { change in
            var marked: FieldChange = change
            marked.causes =
                (byGit.contains(change.path) ? [.commit] : []) + (byOthers.contains(change.path) ? [.drift] : [])
            return marked
        }
    }

    /// Differences between redacted forms: a secret that differs shows as two different digests, and never as itself.
    private func fieldChanges(declared: JSONValue?, live: JSONValue?, kind: ResourceKind) -> [FieldChange] {
        let differences = fieldDifferences(
            declared: declared.map { context.redact($0, kind) }, live: live.map { context.redact($0, kind) })
        return differences.map { FieldChange(path: $0.path, declared: $0.declared, live: $0.live) }
    }

    /// Names the other one on both steps of each rename.
    private func markRenames(_ steps: inout [Step]) {
        func named(_ action: Step.Action, _ spec: (Step) -> JSONValue?) -> [NamedSpec] {
            steps.filter { $0.action == action }.compactMap { step in
                guard let key = step.key, let spec = spec(step) else { return nil }
                return NamedSpec(key, spec)
            }
        }
        let created: [NamedSpec] = named(.create) { $0.spec }
        let deleted: [NamedSpec] = named(.delete) { step in step.key.flatMap { findings[$0]?.live?.spec } }
        let newNames: [ResourceKey: ResourceKey] = renames(deleted: deleted, created: created)
        let oldNames = Dictionary(uniqueKeysWithValues: newNames.map { ($0.value, $0.key) })
        for index in steps.indices {
            guard let key = steps[index].key else { continue }
            switch steps[index].action {
            case .delete: steps[index].renamed = newNames[key]?.name
            case .create: steps[index].renamed = oldNames[key]?.name
            case .update, .adopt, .record: break
            }
        }
    }

    // MARK: Guards

    private func refuse(_ steps: inout [Step]) -> [Refusal] {
        // Without steps there is nothing to refuse.
        if steps.isEmpty { return [] }
        var owned: [ResourceKind: Int] = [:]
        for difference in comparison.differences where difference.live?.owner == comparison.source {
            owned[difference.key.kind, default: 0] += 1
        }
        let refusals: [Refusal] =
            deletionRefusals(
                steps, owned: owned, recent: context.recentDeletions,
                budget: context.deletionBudget, isAllowed: { context.allows(.prune, for: $0) })
            + adoptionRefusals(comparison.differences, isAllowed: { context.allows(.adopt, for: $0) })
            + (context.judgesCommit ? refusalsOfCommit(steps) : [])
        for refusal in refusals {
            let refused = Set(refusal.resources)
            for index in steps.indices where steps[index].key.map(refused.contains) == true {
                steps[index].treatment = .refuse(refusal.guardName)
            }
        }
        return refusals
    }

    /// What is asked once, before a commit is accepted.
    private func refusalsOfCommit(_ steps: [Step]) -> [Refusal] {
        retentionRefusals(
            steps, findings: findings, previous: context.previous, permissions: context.permissions)
            + lastNotifierRefusals(steps, findings: findings, permissions: context.permissions)
            + noiseRefusals(steps, evidence: context.noise, permissions: context.permissions)
    }

    // MARK: Order

    private func ordered(_ steps: [Step]) -> [Step] {
        let puts: [Step] = steps.filter { $0.action != .delete }
        let deletions: [Step] = steps.filter { $0.action == .delete }
        let references = context.references
        let orderedPuts = orderedByReference(puts) { step in
            step.key.flatMap { key in step.spec.map { references(key, $0) } } ?? []
        }
        let orderedDeletions = orderedByReference(deletions) { step in
            step.key.flatMap { key in findings[key]?.live.map { references(key, $0.spec) } } ?? []
        }
        return orderedPuts + orderedDeletions.reversed()
    }

    // MARK: Hosts

    private func agentStep(_ difference: AgentDifference) -> Step {
        var step = Step(
            target: .agents, host: difference.host, kind: difference.kind, name: difference.name,
            action: difference.expected == nil && difference.running != nil
                ? .delete : (difference.running == nil && difference.expected != nil ? .create : .update),
            causes: [.drift], changedBy: difference.changedBy)
        if let kind = difference.key?.kind {
            step.fields = fieldChanges(declared: difference.expected, live: difference.running, kind: kind)
        }
        step.treatment = held(step, as: treatment(of: difference))
        return step
    }

    private func treatment(of difference: AgentDifference) -> Step.Treatment {
        let ofStore = difference.key.flatMap { key in findings[key] }
        if ofStore?.finding == .foreign || ofStore?.declared?.annotations.drift == .ignore { return .ignore }
        if context.mode == .observe { return .leave(.observe) }
        return ofStore?.declared?.annotations.drift == .report ? .leave(.report) : .apply
    }

    private func resyncs(_ ofHosts: [(AgentComparison, [Step])]) -> [AgentResync] {
        var hostsByResources: [[String]: [String]] = [:]
        for (agent, steps) in ofHosts {
            let applied: [Step] = steps.filter { $0.treatment == .apply }
            guard !applied.isEmpty else { continue }
            let isWholeFile: Bool = applied.contains { $0.kind == AgentDifference.fileKind }
            let names: [String] = isWholeFile ? agent.expected.sorted() : applied.map { "\($0.kind)/\($0.name)" }
            hostsByResources[names, default: []].append(agent.host)
        }
        return hostsByResources.map { AgentResync(hosts: $0.value, resources: $0.key) }
            .sorted { $0.hosts.first ?? "" < $1.hosts.first ?? "" }
    }
}

extension Comparison {
    fileprivate func keys(of finding: Difference.Finding) -> [ResourceKey] {
        differences.filter { $0.finding == finding }.map(\.key)
    }
}
