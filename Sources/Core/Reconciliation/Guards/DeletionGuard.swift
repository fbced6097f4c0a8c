import Declarations

/// How many resources of one kind a source may delete within an hour.
package struct DeletionBudget: Hashable, Sendable {
    package var percent: Int
    package var minimum: Int
    package var maximum: Int

    package init(percent: Int = 20, minimum: Int = 3, maximum: Int = 10) {
        self.percent = percent
        self.minimum = minimum
        self.maximum = maximum
    }

    package func allowed(owned: Int) -> Int { max(minimum, min(maximum, owned * percent / 100)) }
}

/// Refuses deletions of a kind that, with those of the last hour, are more than the budget. A rename is no deletion:
/// nothing that was declared is lost.
///
/// - Parameter owned: how many resources of each kind the source owns now.
/// - Parameter recent: what it deleted, or may have deleted, within the last hour; it counts as owned then. What is to be
///   deleted once more, because nobody knows whether it was, counts once.
/// - Parameter isAllowed: whether a commit allows it for resources of a kind.
func deletionRefusals(
    _ steps: [Step], owned: [ResourceKind: Int], recent: Set<ResourceKey>, budget: DeletionBudget,
    isAllowed: (ResourceKind) -> Bool
) -> [Refusal] {
    let deletions: [ResourceKey] = steps.filter { $0.action == .delete && $0.renamed == nil }.compactMap(\.key)
    let byKind = Dictionary(grouping: deletions, by: \.kind)
    return byKind.keys.filter { !isAllowed($0) }.sorted { $0.rawValue < $1.rawValue }.compactMap { kind in
        let keys: [ResourceKey] = byKind[kind] ?? []
        let before: Int = recent.subtracting(keys).count { $0.kind == kind }
        let total: Int = (owned[kind] ?? 0) + before
        let allowed: Int = budget.allowed(owned: total)
        guard keys.count + before > allowed else { return nil }
        let earlier: String = before > 0 ? " (\(before) of them within the last hour)" : ""
        return Refusal(
            guardName: .prune,
            message: "would delete \(keys.count + before)\(earlier) of \(total) \(kind.rawValue) resources; "
                + "\(allowed) within an hour are allowed. To go ahead, commit with the trailer "
                + "\"Plumbline-Allow: prune\"",
            resources: keys)
    }
}
