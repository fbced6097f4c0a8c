import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Reconciliation
import Telemetry

extension Reconciler {
    /// How long looking for provenance may hold up a change.
    private static var sourceBudget: Duration { .seconds(2) }

    /// The commit that last changed each resource that is put. One that is not found within the budget stays unknown.
    func sources(of plan: Plan, in commit: LoadedCommit) async -> [ResourceKey: ResourceSource] {
        let puts: [ResourceKey] = (plan.storeSteps + plan.storeSteps(on: .proxy)).filter { $0.action != .delete }
            .compactMap(\.key)
        let declared: [Declaration] = puts.compactMap { commit.declared?.resources[$0] }
        guard !declared.isEmpty else { return [:] }
        let questions = declared.map { SourceQuestion(path: $0.file, lines: commit.lines[$0.key]) }
        guard
            let answers = try? await dependencies.git.sources(
                at: commit.id, root: configuration.repository.path, of: questions, budget: Self.sourceBudget)
        else { return [:] }
        var sources: [ResourceKey: ResourceSource] = [:]
        for (index, declaration) in declared.enumerated() {
            guard let found = answers.commit(index) else { continue }
            sources[declaration.key] = ResourceSource(
                commit: found.id.hex, file: declaration.file, line: declaration.mark.line, author: found.author.name,
                authoredAt: found.authoredAt, subject: found.subject)
        }
        return sources
    }

    /// The changes of a plan, with what is known of their consequences.
    func changes(of plan: Plan, result: Change.Result) async -> [Change] {
        await reportedChanges(of: plan, result: result, target: dependencies.target)
    }
}

/// The steps as a report tells them, with the partitions that changed retentions let go.
func reportedChanges(
    of plan: Plan, result: Change.Result, target: any ReconcileTarget
) async -> [Change] {
    var changes: [Change] = []
    for step in plan.steps {
        var change = Change(step, revision: plan.revision, result: result)
        if step.kind == ResourceKind.retention.rawValue, let spec = step.spec, step.treatment == .apply {
            change.evidence = await retentionEvidence(spec, target: target)
        }
        if step.kind == ResourceKind.alertRule.rawValue, step.causes.contains(.commit),
            step.action == .create || step.action == .update
        {
            change.evidence = [NoiseEvidence.unavailable(reason: "rules are not tried on stored history yet").text]
        }
        changes.append(change)
    }
    return changes
}

private func retentionEvidence(_ spec: JSONValue, target: any ReconcileTarget) async -> [String] {
    guard let dataset = spec["dataset"]?.string, let keep = spec["keep"]?.string else { return [] }
    if let matchers = spec["matchers"]?.array?.compactMap(\.string), !matchers.isEmpty {
        return [
            "of \(dataset), rows of {\(matchers.joined(separator: ", "))} that are older than \(keep) go, one by one"
        ]
    }
    let preview: JSONValue
    do { preview = try await target.retentionPreview(dataset: dataset, keep: keep) } catch {
        return ["what would go is not known: \(error.description)"]
    }
    let partitions: [JSONValue] = preview["partitions"]?.array ?? []
    guard !partitions.isEmpty else { return ["no stored partition would go"] }
    return partitions.prefix(50).map { partition in
        let rows: String = partition["rows"]?.integer.map { ", \($0) rows" } ?? ""
        let bytes: String = partition["bytes"]?.integer.map { ", \($0) bytes" } ?? ""
        let span: String = "\(partition["from"]?.string ?? "?") to \(partition["to"]?.string ?? "?")"
        return "would go: \(partition["name"]?.string ?? "?") (\(span)\(rows)\(bytes))"
    } + (partitions.count > 50 ? ["and \(partitions.count - 50) more partitions"] : [])
}
