import Declarations

/// Sorts steps so that each stands after the steps for what it refers to; among equals by key, so that the order of
/// the input never shows. References to resources without a step do not matter; in a cycle the smallest key is first.
func orderedByReference(_ steps: [Step], references: (Step) -> [ResourceKey]) -> [Step] {
    let byKey = Dictionary(steps.compactMap { step in step.key.map { ($0, step) } }) { first, _ in first }
    var visited: Set<ResourceKey> = []
    var ordered: [Step] = []
    func visit(_ key: ResourceKey) {
        guard let step = byKey[key], visited.insert(key).inserted else { return }
        for reference in references(step).sorted() { visit(reference) }
        ordered.append(step)
    }
    for key in byKey.keys.sorted() { visit(key) }
    return ordered
}
