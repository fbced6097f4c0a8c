package import ConfigAPI
package import Declarations
import Telemetry

/// The rules of a config store as a plain value: what `PATCH /v1/config` does to what `GET /v1/config` shows. The
/// reference that planning is tested against, and the store of in-memory targets.
package struct ConfigStoreModel: Hashable, Sendable {
    package private(set) var snapshot: ConfigSnapshot
    /// The answers by request id: the same request is answered the same again.
    private var answers: [String: ConfigSnapshot]

    package init(storeId: String) {
        snapshot = ConfigSnapshot(storeId: storeId, generation: 1, digest: "", instances: [], resources: [])
        answers = [:]
    }

    /// Applies a patch as the writer `source`, all or nothing.
    package mutating func apply(
        _ patch: ConfigPatch, as source: String, digest: (ResourceKey, JSONValue) -> String
    ) throws(ConfigConflict) -> ConfigSnapshot {
        if let answer = answers[patch.requestId] { return answer }
        guard patch.storeId == snapshot.storeId, patch.generation == snapshot.generation else {
            throw ConfigConflict(
                storeId: snapshot.storeId, generation: snapshot.generation, digest: snapshot.digest,
                message: "the store has moved")
        }
        for change in patch.changes { apply(change, revision: patch.revision, as: source, digest: digest) }
        snapshot.generation += 1
        answers[patch.requestId] = snapshot
        return snapshot
    }

    /// A change by anybody else: `owner` and `applied` of what is there stay as they are.
    package mutating func change(
        _ key: ResourceKey, to spec: JSONValue?, by changedBy: ChangedBy, digest: (ResourceKey, JSONValue) -> String
    ) {
        snapshot.generation += 1
        let index: Int? = snapshot.resources.firstIndex { $0.key == key }
        guard let spec else {
            if let index { snapshot.resources.remove(at: index) }
            return
        }
        var resource =
            index.map { snapshot.resources[$0] }
            ?? StoredResource(key: key, spec: spec, digest: "", owner: changedBy.who ?? "unknown")
        resource.spec = spec
        resource.digest = digest(key, spec)
        resource.changedBy = changedBy
        set(resource)
    }

    private mutating func apply(
        _ change: ConfigChange, revision: String?, as source: String, digest: (ResourceKey, JSONValue) -> String
    ) {
        guard let kind = ResourceKind(rawValue: change.kind) else { return }
        let key = ResourceKey(kind, change.name)
        let existing: StoredResource? = snapshot.resources.first { $0.key == key }
        switch change.operation {
        case .delete: snapshot.resources.removeAll { $0.key == key }
        case .put(let spec):
            let isOwner: Bool = existing == nil || existing?.owner == source || change.adopt
            let applied = revision.map { Applied(digest: digest(key, spec), revision: $0) }
            set(
                StoredResource(
                    key: key, spec: spec, digest: digest(key, spec),
                    owner: isOwner ? source : existing?.owner ?? source,
                    applied: isOwner ? applied ?? existing?.applied : existing?.applied,
                    source: change.source ?? existing?.source,
                    changedBy: ChangedBy(who: source, at: nil, via: revision == nil ? .api : .git)))
        }
    }

    private mutating func set(_ resource: StoredResource) {
        if let index = snapshot.resources.firstIndex(where: { $0.key == resource.key }) {
            snapshot.resources[index] = resource
        } else {
            snapshot.resources.append(resource)
        }
    }
}
