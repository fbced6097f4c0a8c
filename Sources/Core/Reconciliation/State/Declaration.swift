package import Declarations

/// One resource as a commit declares it: what comparing and planning need of it.
package struct Declaration: Hashable, Sendable {
    package var key: ResourceKey
    /// The normal form of the spec.
    package var spec: JSONValue
    package var digest: String
    /// What the resource refers to: applied before it, deleted after it.
    package var references: [ResourceKey]
    package var annotations: ResourceAnnotations
    /// Where it stands in the commit.
    package var file: String
    package var line: Int

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

    package init(_ declared: DeclaredResource) {
        self.init(
            key: declared.resource.key, spec: declared.resource.spec, digest: declared.resource.digest,
            references: Declarations.references(of: declared.spec), annotations: declared.annotations,
            file: declared.file, line: declared.mark.line)
    }
}

/// All resources of one commit. It exists only for a commit that was read completely and is valid as a whole: what is
/// absent from it is not declared.
package struct DeclaredState: Hashable, Sendable {
    /// The commit's id.
    package var revision: String
    package var resources: [ResourceKey: Declaration]

    package init(revision: String, resources: [Declaration]) {
        self.revision = revision
        self.resources = Dictionary(resources.map { ($0.key, $0) }) { _, last in last }
    }
}
