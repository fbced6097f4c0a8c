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
package struct StoredResource: Hashable, Sendable, JSONCodable {
    package var key: ResourceKey
    /// The normal form; what is stored as it is where that cannot be decoded (then `health` says why).
    package var spec: JSONValue
    package var digest: String
    /// The source name of the credential that created it (or adopted it).
    package var owner: String
    package var applied: Applied?
    package var source: ResourceSource?
    package var changedBy: ChangedBy?
    package var health: Health

    package init(
        key: ResourceKey, spec: JSONValue, digest: String, owner: String, applied: Applied? = nil,
        source: ResourceSource? = nil, changedBy: ChangedBy? = nil, health: Health = .healthy
    ) {
        self.key = key
        self.spec = spec
        self.digest = digest
        self.owner = owner
        self.applied = applied
        self.source = source
        self.changedBy = changedBy
        self.health = health
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        key = ResourceKey(try reader.choice("kind"), try reader.string("name"))
        spec = try reader.required("spec")
        digest = try reader.string("digest")
        owner = try reader.string("owner")
        applied = try reader.optionalValue("applied")
        source = try reader.optionalValue("source")
        changedBy = try reader.optionalValue("changedBy")
        health = try reader.value("health")
    }

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
