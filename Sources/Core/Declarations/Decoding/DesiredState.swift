/// Everything that one commit declares. There is no half of it: it comes from a complete, valid tree.
package struct DesiredState: Hashable, Sendable {
    package let resources: [ResourceKey: Declaration]
    /// The set digest over all of them.
    package let digest: String
}

/// What a manifest asks of the reconciler for one resource. Not part of the normal form.
package struct ResourceAnnotations: Hashable, Sendable {
    /// `plumbline/drift`.
    package var drift = DriftPolicy.correct
    /// `plumbline/prune: keep`.
    package var keepsOnPrune = false
    /// `plumbline/adopt: "true"`: take over a live resource of that name that differs.
    package var adopts = false

    package init() {}
}

/// What is done about a live resource that was changed outside git.
package enum DriftPolicy: String, CaseIterable, Hashable, Sendable {
    /// It is set right.
    case correct
    /// It is reported and left.
    case report
    /// It is listed, and counts for nothing.
    case ignore
}

/// Everything that is wrong with the manifests of a tree, in order of place.
package struct Diagnostics: Error, Hashable, Sendable, CustomStringConvertible {
    package let items: [Diagnostic]
    /// How many more there were: a person reads the first thousand at most.
    package let omitted: Int

    private static let most = 1000

    /// Sorted, each once.
    package init(_ items: [Diagnostic]) {
        let sorted: [Diagnostic] = Set(items).sorted()
        self.items = Array(sorted.prefix(Self.most))
        omitted = sorted.count - self.items.count
    }

    /// One `path:line:column: message` a line.
    package var description: String {
        let more: [String] = omitted > 0 ? ["and \(omitted) more"] : []
        return (items.map(\.description) + more).joined(separator: "\n")
    }
}
