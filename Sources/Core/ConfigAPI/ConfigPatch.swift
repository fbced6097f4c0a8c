package import Declarations

/// A list of changes against one generation, all or nothing: the body of `PATCH /v1/config`.
package struct ConfigPatch: Hashable, Sendable, JSONCodable {
    /// The same id within 24 h gets the first answer again, so a lost reply is not a conflict.
    package var requestId: String
    package var storeId: String
    package var generation: Int
    /// The commit that is applied; recorded as `applied.revision`. Nil for a change by hand.
    package var revision: String?
    /// The epoch of the lease under which a reconciler writes; nil for a change by hand.
    package var leaseEpoch: Int?
    package var changes: [ConfigChange]

    package init(
        requestId: String, storeId: String, generation: Int, revision: String?, leaseEpoch: Int?,
        changes: [ConfigChange]
    ) {
        self.requestId = requestId
        self.storeId = storeId
        self.generation = generation
        self.revision = revision
        self.leaseEpoch = leaseEpoch
        self.changes = changes
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        requestId = try reader.string("requestId")
        storeId = try reader.string("storeId")
        generation = try reader.integer("generation")
        revision = try reader.optionalString("revision")
        leaseEpoch = try reader.optionalInteger("leaseEpoch")
        changes = try reader.list("changes")
    }

    package var json: JSONValue {
        .object(compacting: [
            "requestId": .string(requestId), "storeId": .string(storeId), "generation": .integer(generation),
            "revision": revision.map(JSONValue.string), "leaseEpoch": leaseEpoch.map { .integer($0) },
            "changes": changes.json,
        ])
    }
}

package struct ConfigChange: Hashable, Sendable, JSONCodable {
    package var operation: Operation
    /// As written; a kind that the component does not know is answered with `unsupported`.
    package var kind: String
    package var name: String
    package var source: ResourceSource?
    /// Take over ownership (adoption); only a reconciler's credential may.
    package var adopt: Bool

    package enum Operation: Hashable, Sendable {
        /// Replaces the whole spec.
        case put(JSONValue)
        case delete
    }

    package init(_ operation: Operation, kind: String, name: String, source: ResourceSource? = nil, adopt: Bool = false)
    {
        self.operation = operation
        self.kind = kind
        self.name = name
        self.source = source
        self.adopt = adopt
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("op") {
        case "put": operation = .put(try reader.required("spec"))
        case "delete": operation = .delete
        case let other: throw reader.error("op", "expected \"put\" or \"delete\", got \"\(other)\"")
        }
        kind = try reader.string("kind")
        name = try reader.string("name")
        source = try reader.optionalValue("source")
        adopt = try reader.bool("adopt", default: false)
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = ["kind": .string(kind), "name": .string(name)]
        switch operation {
        case .put(let spec):
            members["op"] = "put"
            members["spec"] = spec
        case .delete: members["op"] = "delete"
        }
        members["source"] = source?.json
        if adopt { members["adopt"] = true }
        return .object(members)
    }
}

/// The answer 409: the store has moved, or the lease has.
package struct ConfigConflict: Error, Hashable, Sendable, JSONCodable {
    package var storeId: String
    package var generation: Int
    package var digest: String
    package var message: String

    package init(storeId: String, generation: Int, digest: String, message: String) {
        self.storeId = storeId
        self.generation = generation
        self.digest = digest
        self.message = message
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.string("storeId")
        generation = try reader.integer("generation")
        digest = try reader.string("digest")
        message = try reader.string("error")
    }

    package var json: JSONValue {
        [
            "storeId": .string(storeId), "generation": .integer(generation), "digest": .string(digest),
            "error": .string(message),
        ]
    }
}

/// The answer 422: every change that is wrong, with the place in its spec.
package struct ConfigRejection: Error, Hashable, Sendable, JSONCodable {
    package var errors: [Item]

    package init(errors: [Item]) { self.errors = errors }

    package init(json: JSONValue) throws(JSONFormError) { errors = try JSONObjectReader(json).list("errors") }

    package var json: JSONValue {
        ["error": .string(errors.map(\.message).joined(separator: "; ")), "errors": errors.json]
    }

    package struct Item: Hashable, Sendable, JSONCodable {
        package var index: Int
        package var kind: String
        package var name: String
        /// JSON Pointer into the spec.
        package var path: String
        package var message: String

        package init(index: Int, kind: String, name: String, path: String, message: String) {
            self.index = index
            self.kind = kind
            self.name = name
            self.path = path
            self.message = message
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            index = try reader.integer("index")
            kind = try reader.string("kind")
            name = try reader.string("name")
            path = try reader.string("path")
            message = try reader.string("message")
        }

        package var json: JSONValue {
            [
                "index": .integer(index), "kind": .string(kind), "name": .string(name), "path": .string(path),
                "message": .string(message),
            ]
        }
    }
}
