package import Declarations
package import Telemetry

/// What a component has stored and runs: the answer of `GET /v1/config`.
package struct ConfigSnapshot: Hashable, Sendable, JSONCodable {
    package static let version = 1

    package var storeId: String
    package var generation: Int
    /// The set digest over all resources of the store.
    package var digest: String
    package var instances: [Instance]
    package var resources: [StoredResource]

    package init(storeId: String, generation: Int, digest: String, instances: [Instance], resources: [StoredResource]) {
        self.storeId = storeId
        self.generation = generation
        self.digest = digest
        self.instances = instances
        self.resources = resources
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.string("storeId")
        generation = try reader.integer("generation")
        digest = try reader.string("digest")
        instances = try reader.list("instances")
        resources = try reader.list("resources")
    }

    package var json: JSONValue {
        [
            "version": .integer(Self.version), "storeId": .string(storeId), "generation": .integer(generation),
            "digest": .string(digest), "instances": instances.json, "resources": resources.json,
        ]
    }

    /// The ETag of this state.
    package var entityTag: String { "\"\(storeId)/\(generation)\"" }

    /// A running process of the component. A store is in sync only when every instance with a fresh heartbeat has
    /// loaded its generation.
    package struct Instance: Hashable, Sendable, JSONCodable {
        package var id: String
        package var loadedGeneration: Int
        package var loadedDigest: String
        package var error: String?
        package var heartbeatAt: Timestamp
        /// Whether the heartbeat is recent enough for the instance to count.
        package var isFresh: Bool
        /// Whether it has its engines off after crashes: it holds the generation and does not obey it. `error` says why.
        package var isSafeMode: Bool

        package init(
            id: String, loadedGeneration: Int, loadedDigest: String, error: String?, heartbeatAt: Timestamp,
            isFresh: Bool, isSafeMode: Bool = false
        ) {
            self.id = id
            self.loadedGeneration = loadedGeneration
            self.loadedDigest = loadedDigest
            self.error = error
            self.heartbeatAt = heartbeatAt
            self.isFresh = isFresh
            self.isSafeMode = isSafeMode
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            id = try reader.string("id")
            loadedGeneration = try reader.integer("loadedGeneration")
            loadedDigest = try reader.string("loadedDigest")
            error = try reader.optionalString("error")
            heartbeatAt = try reader.time("heartbeatAt")
            isFresh = try reader.bool("isFresh", default: false)
            isSafeMode = try reader.bool("isSafeMode", default: false)
        }

        package var json: JSONValue {
            .object(compacting: [
                "id": .string(id), "loadedGeneration": .integer(loadedGeneration),
                "loadedDigest": .string(loadedDigest),
                "error": error.map(JSONValue.string), "heartbeatAt": .time(heartbeatAt), "isFresh": .bool(isFresh),
                "isSafeMode": isSafeMode ? true : nil,
            ])
        }
    }
}

/// One resource as a store holds it now. `spec` and `digest` are computed from what is stored, never copied from a
/// digest column.
///
/// A value behind one reference: a store hands out ten thousand of them again and again, nearly all as they were.
package struct StoredResource: Hashable, Sendable, JSONCodable {
    private struct Fields: Hashable, Sendable {
        var key: ResourceKey
        var spec: JSONValue
        var digest: String
        var owner: String
        var applied: Applied?
        var source: ResourceSource?
        var changedBy: ChangedBy?
        var health: Health
    }

    /// Never changed; a resource that is changed gets another one.
    private final class Box: Sendable {
        let fields: Fields

        init(_ fields: Fields) { self.fields = fields }
    }

    private var box: Box

    package var key: ResourceKey { box.fields.key }
    /// The normal form; what is stored as it is where that cannot be decoded (then `health` says why).
    package var spec: JSONValue {
        get { box.fields.spec }
        set { change { $0.spec = newValue } }
    }
    package var digest: String {
        get { box.fields.digest }
        set { change { $0.digest = newValue } }
    }
    /// The source name of the credential that created it (or adopted it).
    package var owner: String {
        get { box.fields.owner }
        set { change { $0.owner = newValue } }
    }
    package var applied: Applied? {
        get { box.fields.applied }
        set { change { $0.applied = newValue } }
    }
    package var source: ResourceSource? {
        get { box.fields.source }
        set { change { $0.source = newValue } }
    }
    package var changedBy: ChangedBy? {
        get { box.fields.changedBy }
        set { change { $0.changedBy = newValue } }
    }
    package var health: Health {
        get { box.fields.health }
        set { change { $0.health = newValue } }
    }

    private mutating func change(_ body: (inout Fields) -> Void) {
        var fields: Fields = box.fields
        body(&fields)
        box = Box(fields)
    }

    package init(
        key: ResourceKey, spec: JSONValue, digest: String, owner: String, applied: Applied? = nil,
        source: ResourceSource? = nil, changedBy: ChangedBy? = nil, health: Health = .healthy
    ) {
        box = Box(
            Fields(
                key: key, spec: spec, digest: digest, owner: owner, applied: applied, source: source,
                changedBy: changedBy, health: health))
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            key: ResourceKey(try reader.choice("kind"), try reader.string("name")),
            spec: try reader.required("spec"), digest: try reader.string("digest"), owner: try reader.string("owner"),
            applied: try reader.optionalValue("applied"), source: try reader.optionalValue("source"),
            changedBy: try reader.optionalValue("changedBy"), health: try reader.value("health"))
    }

    /// Whether both are one and the same value, which costs nothing to see: what did not change is passed on as it was.
    package func isIdentical(to other: StoredResource) -> Bool { box === other.box }

    package static func == (left: StoredResource, right: StoredResource) -> Bool {
        left.box === right.box || left.box.fields == right.box.fields
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(box.fields) }

    package var json: JSONValue {
        .object(compacting: [
            "kind": .string(key.kind.rawValue), "name": .string(key.name), "spec": spec, "digest": .string(digest),
            "owner": .string(owner), "applied": applied?.json ?? .null, "source": source?.json ?? .null,
            "changedBy": changedBy?.json, "health": health.json,
        ])
    }

    /// What the component says of the resource; never a user's alert.
    package struct Health: Hashable, Sendable, JSONCodable {
        package var state: State
        package var message: String?

        package enum State: String, CaseIterable, Sendable {
            case healthy
            /// What is stored cannot be decoded; the component keeps the last form that could be.
            case invalid
            /// A `secretRef` that cannot be resolved on the machine that uses it.
            case secretMissing
            /// Loaded, but not working: an expression that fails, a delivery that does not arrive.
            case failing
        }

        package static let healthy = Health(state: .healthy)

        package init(state: State, message: String? = nil) {
            self.state = state
            self.message = message
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            state = try reader.choice("state")
            message = try reader.optionalString("message")
        }

        package var json: JSONValue {
            .object(compacting: ["state": .string(state.rawValue), "message": message.map(JSONValue.string)])
        }
    }
}
