package import ConfigAPI
package import Declarations

/// What this source applied to one store, remembered on its own machine: the only trace of a resource that somebody
/// deleted, and of annotations of manifests that are gone. What is lost of it is rebuilt from the store.
package struct Inventory: Hashable, Sendable, JSONCodable {
    /// The store that the entries are of. What those of another store (a restored one) say of content says nothing here;
    /// what manifests said holds wherever it is applied.
    package var storeId: String?
    package var entries: [ResourceKey: Entry]

    package static let empty = Inventory(storeId: nil, entries: [:])

    package struct Entry: Hashable, Sendable {
        /// What was last applied.
        package var digest: String
        package var revision: String
        /// The manifest said `plumbline/prune: keep`.
        package var keepsOnPrune: Bool

        package init(digest: String, revision: String, keepsOnPrune: Bool = false) {
            self.digest = digest
            self.revision = revision
            self.keepsOnPrune = keepsOnPrune
        }
    }

    package init(storeId: String?, entries: [ResourceKey: Entry]) {
        self.storeId = storeId
        self.entries = entries
    }

    /// The entries, where they are of this store.
    package func entries(of storeId: String) -> [ResourceKey: Entry] { self.storeId == storeId ? entries : [:] }

    /// Whether the last manifest of a resource said that it stays when it is dropped.
    package func keepsOnPrune(_ key: ResourceKey) -> Bool { entries[key]?.keepsOnPrune ?? false }

    /// The inventory after a store was read: what it holds of this source, and what is declared, was applied and is
    /// gone. An entry is dropped only once a complete reading proves that the resource is neither live nor declared.
    package func updated(from snapshot: ConfigSnapshot, declared: DeclaredState?, source: String) -> Inventory {
        var next: [ResourceKey: Entry] = entries(of: snapshot.storeId)
        // Of ten thousand hardly one has moved: what stays is not written again.
        var staying = 0
        for resource in snapshot.resources where resource.owner == source {
            guard let applied = resource.applied else { continue }
            let key: ResourceKey = resource.key
            let known: Entry? = next[key]
            let keeps: Bool =
                declared?.resources[key]?.annotations.keepsOnPrune ?? keepsOnPrune(key)
            let entry = Entry(digest: applied.digest, revision: applied.revision, keepsOnPrune: keeps)
            if entry != known { next[key] = entry }
            staying += 1
        }
        guard staying < next.count else { return Inventory(storeId: snapshot.storeId, entries: next) }
        let live = Set(snapshot.resources.filter { $0.owner == source && $0.applied != nil }.map(\.key))
        next = next.filter { live.contains($0.key) || declared == nil || declared?.resources[$0.key] != nil }
        return Inventory(storeId: snapshot.storeId, entries: next)
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.optionalString("storeId")
        entries = [:]
        for item in try reader.array("entries") {
            let entry = try JSONObjectReader(item, path: "/entries")
            guard let key = ResourceKey(try entry.string("resource")) else { continue }
            entries[key] = Entry(
                digest: try entry.string("digest"), revision: try entry.string("revision"),
                keepsOnPrune: try entry.bool("keepsOnPrune", default: false))
        }
    }

    package var json: JSONValue {
        let items: [JSONValue] = entries.keys.sorted().compactMap { key in
            guard let entry = entries[key] else { return nil }
            var members: [String: JSONValue] = [
                "resource": .string(key.description), "digest": .string(entry.digest),
                "revision": .string(entry.revision),
            ]
            if entry.keepsOnPrune { members["keepsOnPrune"] = true }
            return .object(members)
        }
        return .object(compacting: ["storeId": storeId.map(JSONValue.string), "entries": .array(items)])
    }
}
