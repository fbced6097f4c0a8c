/// Turns what people and programs wrote into resources in normal form: the one place where it is decided what a
/// declaration means.
///
/// Equal meaning gives an equal resource and digest, whatever the order, the spelling of durations or the defaults
/// written out, and whether it came from a manifest, the API, a row of SQL or an agent's file.
package struct ResourceDecoder: Sendable {
    let sha256: SHA256Function
    let checkExpression: @Sendable (String) -> String?

    /// `checkExpression` says why a PromQL expression is malformed, nil where it is not. Without it every text that is
    /// not empty passes: programs that have the parser pass it in.
    package init(
        sha256: @escaping SHA256Function, checkExpression: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.sha256 = sha256
        self.checkExpression = checkExpression
    }

    /// Decodes a spec from the API, from SQL or an agent's file; every error at once. Whether the resources that it
    /// names exist is not looked at: that is a question to the whole set.
    package func resource(
        kind: ResourceKind, name: String, spec: JSONValue
    ) -> Result<DecodedResource, FieldErrors> {
        var decoder = SchemaDecoder(checkExpression: checkExpression)
        let source = SourceValue(spec)
        let namePlace = SourceValue(content: .string(name), place: .pointer(""))
        let checkedName: String? = decoder.text(namePlace, .resourceName)
        let normalForm: JSONValue? = decoder.decode(source, as: .object(kind.schema))
        guard let checkedName, let normalForm else { return .failure(FieldErrors(decoder.problems)) }
        return .success(decoded(ResourceKey(kind, checkedName), normalForm))
    }

    /// The digest of what is stored but cannot be decoded: over kind, name and the spec as it is.
    package func rawDigest(kind: String, name: String, spec: JSONValue) -> String {
        hexadecimal(sha256(Resource.normalForm(kind: kind, name: name, spec: spec)))
    }

    func decoded(_ key: ResourceKey, _ normalForm: JSONValue) -> DecodedResource {
        DecodedResource(
            resource: Resource(key: key, spec: normalForm, sha256: sha256),
            spec: Spec(kind: key.kind, normalForm: normalForm))
    }
}

/// A resource in normal form, and its spec as a typed value.
///
/// A value that never changes; a class, because it is passed on by the ten thousand.
package final class DecodedResource: Hashable, Sendable {
    package let resource: Resource
    package let spec: Spec

    package var key: ResourceKey { resource.key }

    init(resource: Resource, spec: Spec) {
        self.resource = resource
        self.spec = spec
    }

    package static func == (left: DecodedResource, right: DecodedResource) -> Bool {
        left === right || (left.resource == right.resource && left.spec == right.spec)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(resource) }
}

/// Everything that is wrong with one spec; of more than a hundred errors the first hundred.
package struct FieldErrors: Error, Hashable, Sendable, CustomStringConvertible {
    package let errors: [FieldError]

    init(_ problems: [Problem]) {
        errors = problems.prefix(100).map { problem in
            if case .pointer(let path) = problem.place { return FieldError(path: path, message: problem.message) }
            return FieldError(path: "", message: problem.message)
        }
    }

    /// `/path: message`, joined by `; `.
    package var description: String { errors.map(\.description).joined(separator: "; ") }
}

package struct FieldError: Hashable, Sendable, CustomStringConvertible {
    /// JSON Pointer (RFC 6901) into the spec; empty for the spec itself and for the name.
    package var path: String
    package var message: String

    package var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
