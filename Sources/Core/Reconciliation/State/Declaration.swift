package import Declarations

/// One resource as a commit declares it: what comparing and planning need of it. An immutable object, because a commit's
/// ten thousand are passed on and put side by side with what is live, again and again.
package final class Declaration: Hashable, Sendable {
    package let key: ResourceKey
    /// The normal form of the spec.
    package let spec: JSONValue
    package let digest: String
    /// What the resource refers to: applied before it, deleted after it.
    package let references: [ResourceKey]
    package let annotations: ResourceAnnotations
    /// Where it stands in the commit.
    package let file: String
    package let line: Int

    package init(
        key: ResourceKey, spec: JSONValue, digest: String, references: [ResourceKey] = [],
        annotations: ResourceAnnotations = ResourceAnnotations(), file: String = "", line: Int = 1
    ) {
        self.key = key
        self.spec = spec
        self.digest = digest
        self.references = references
        self.annotations = annotations
        self.file = file
        self.line = line
    }

    package convenience init(_ declared: DeclaredResource) {
        self.init(
            key: declared.resource.key, spec: declared.resource.spec, digest: declared.resource.digest,
            references: Declarations.references(of: declared.spec), annotations: declared.annotations,
            file: declared.file, line: declared.mark.line)
    }

    package static func == (left: Declaration, right: Declaration) -> Bool {
        left === right
            || (left.key == right.key && left.digest == right.digest && left.spec == right.spec
                && left.references == right.references && left.annotations == right.annotations
                && left.file == right.file && left.line == right.line)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(digest)
    }
}

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
