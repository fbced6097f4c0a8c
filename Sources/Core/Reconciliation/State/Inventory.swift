package import ConfigAPI
package import Declarations

/// What this source applied to one store, remembered on its own machine: the only trace of a resource that somebody
/// deleted, and of annotations of manifests that are gone. What is lost of it is rebuilt from the store.
package struct Inventory: Hashable, Sendable, JSONCodable {
    /// The store that the entries are of. The entries of another store (a restored one) say nothing.
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

    /// The inventory after a store was read: what it holds of this source, and what is declared, was applied and is
    /// gone. An entry is dropped only once a complete reading proves that the resource is neither live nor declared.
    package func updated(from snapshot: ConfigSnapshot, declared: DeclaredState?, source: String) -> Inventory {
        let known = entries(of: snapshot.storeId)
        var next: [ResourceKey: Entry] = [:]
        for resource in snapshot.resources where resource.owner == source {
            guard let applied = resource.applied else { continue }
            let declaration = declared?.resources[resource.key]
            next[resource.key] = Entry(
                digest: applied.digest, revision: applied.revision,
                keepsOnPrune: declaration?.annotations.keepsOnPrune ?? known[resource.key]?.keepsOnPrune ?? false)
        }
        for (key, entry) in known where next[key] == nil && (declared == nil || declared?.resources[key] != nil) {
            next[key] = entry
        }
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
        let items: [JSONValue] = entries.sorted { $0.key < $1.key }.map { key, entry in
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
