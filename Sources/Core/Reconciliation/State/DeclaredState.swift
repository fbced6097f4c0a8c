package import Declarations

/// All resources of one commit. It exists only for a commit that was read completely and is valid as a whole: what is
/// absent from it is not declared.
package struct DeclaredState: Hashable, Sendable {
    /// The commit's id.
    package var revision: String
    package let resources: [ResourceKey: Declaration]
    /// All of them in the order of their keys.
    package let ordered: [Declaration]

    package init(revision: String, resources: [Declaration]) {
        self.revision = revision
        self.resources = Dictionary(resources.map { ($0.key, $0) }) { _, last in last }
        ordered = self.resources.values.sorted { $0.key < $1.key }
    }
}
