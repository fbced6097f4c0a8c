package import Declarations

/// Where a store stands, without its content: the answer of `GET /v1/config/state`. What was stored at this generation
/// is stored still, as far as the triggers saw every change.
package struct StoreState: Hashable, Sendable, JSONCodable {
    package static let version = 1

    package var storeId: String
    package var generation: Int
    package var instances: [ConfigSnapshot.Instance]
    /// By `Kind/name`, what the component says of resources that it has and cannot run as it should.
    package var unhealthy: [String: StoredResource.Health]

    package init(
        storeId: String, generation: Int, instances: [ConfigSnapshot.Instance],
        unhealthy: [String: StoredResource.Health]
    ) {
        self.storeId = storeId
        self.generation = generation
        self.instances = instances
        self.unhealthy = unhealthy
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.string("storeId")
        generation = try reader.integer("generation")
        instances = try reader.list("instances")
        unhealthy = [:]
        for item in try reader.array("unhealthy") {
            let entry = try JSONObjectReader(item, path: "/unhealthy")
            unhealthy[try entry.string("resource")] = try entry.value("health")
        }
    }

    package var json: JSONValue {
        let items: [JSONValue] = unhealthy.sorted { $0.key < $1.key }.map { key, health in
            ["resource": .string(key), "health": health.json]
        }
        return [
            "version": .integer(Self.version), "storeId": .string(storeId), "generation": .integer(generation),
            "instances": instances.json, "unhealthy": .array(items),
        ]
    }
}

extension ConfigSnapshot {
    /// What is live, where `state` is of the same store and generation as this snapshot; else nil: read it anew.
    package func continued(by state: StoreState) -> ConfigSnapshot? {
        guard state.storeId == storeId, state.generation == generation else { return nil }
        var present: ConfigSnapshot = self
        present.instances = state.instances
        if state.unhealthy.isEmpty, resources.allSatisfy({ $0.isHealthy }) { return present }
        for index in resources.indices where resources[index].health.state != .invalid {
            // What cannot be decoded is found by reading, and stays so until somebody writes.
            let health: StoredResource.Health =
                state.unhealthy.isEmpty ? .healthy : state.unhealthy[resources[index].key.description] ?? .healthy
            if present.resources[index].health != health { present.resources[index].health = health }
        }
        return present
    }
}
