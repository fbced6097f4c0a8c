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
