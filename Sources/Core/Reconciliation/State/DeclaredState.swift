package import Declarations

/// All resources of one commit. It exists only for a commit that was read completely and is valid as a whole: what is
/// absent from it is not declared.
package struct DeclaredState: Hashable, Sendable {
    /// The commit's id.
    package var revision: String
    package let resources: [ResourceKey: Declaration]
    /// All of them in the order of their keys.
    package let ordered: [Declaration]
    /// Where those of a kind stand among them.
    private let places: [ResourceKind: Range<Int>]

    package init(revision: String, resources: [Declaration]) {
        self.revision = revision
        self.resources = Dictionary(resources.map { ($0.key, $0) }) { _, last in last }
        ordered = self.resources.values.sorted { $0.key < $1.key }
        var places: [ResourceKind: Range<Int>] = [:]
        for (index, declaration) in ordered.enumerated() {
            places[declaration.key.kind] = (places[declaration.key.kind]?.lowerBound ?? index)..<index + 1
        }
        self.places = places
    }

    /// Those of one kind, in the order of their names.
    package func declarations(of kind: ResourceKind) -> ArraySlice<Declaration> {
        places[kind].map { ordered[$0] } ?? []
    }
}
