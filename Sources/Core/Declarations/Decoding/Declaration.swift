/// One resource as a manifest declares it. An immutable object, because a commit's ten thousand are passed on and put side
/// by side with what is live, again and again.
package final class Declaration: Hashable, Sendable {
    package let key: ResourceKey
    private let packedSpec: DeferredJSON
    /// Lower-case hex of SHA-256 over the normal form.
    package let digest: String
    /// What the resource refers to: applied before it, deleted after it.
    package let references: [ResourceKey]
    package let annotations: ResourceAnnotations
    /// The path below the configured root.
    package let file: String
    /// Where its document begins.
    package let mark: Mark

    package init(
        key: ResourceKey, spec: JSONValue, digest: String, references: [ResourceKey] = [],
        annotations: ResourceAnnotations = ResourceAnnotations(), file: String = "",
        mark: Mark = Mark(line: 1, column: 1)
    ) {
        self.key = key
        packedSpec = DeferredJSON(spec).packed
        self.digest = digest
        self.references = references
        self.annotations = annotations
        self.file = file
        self.mark = mark
    }

    convenience init(_ decoded: DecodedResource, annotations: ResourceAnnotations, file: String, mark: Mark) {
        self.init(
            key: decoded.key, spec: decoded.resource.spec, digest: decoded.resource.digest,
            references: Declarations.references(of: decoded.spec), annotations: annotations, file: file, mark: mark)
    }

    /// The normal form of the spec, made from its text each time: most are compared by their digests alone.
    package var spec: JSONValue { packedSpec.value }

    /// The same as a typed value.
    package var typedSpec: Spec { Spec(kind: key.kind, normalForm: spec) }

    package static func == (left: Declaration, right: Declaration) -> Bool {
        left === right
            || (left.key == right.key && left.digest == right.digest && left.packedSpec == right.packedSpec
                && left.references == right.references && left.annotations == right.annotations
                && left.file == right.file && left.mark == right.mark)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(digest)
    }
}
