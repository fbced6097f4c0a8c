package import ConfigAPI
package import Declarations

/// What this source applied to one store, remembered on its own machine: the only trace of a resource that somebody
/// deleted, and of annotations of manifests that are gone. What is lost of it is rebuilt from the store.
package struct Inventory: Hashable, Sendable, JSONCodable {
    /// The store that the entries are of. The entries of another store (a restored one) say nothing.
    package var storeId: String?
    package var entries: [ResourceKey: Entry]
    /// Resources whose last manifest said `plumbline/prune: keep`, whatever store they are applied to.
    package var kept: Set<ResourceKey>

    package static let empty = Inventory(storeId: nil, entries: [:])

    package struct Entry: Hashable, Sendable {
        /// What was last applied.
        package var digest: String
        package var revision: String

        package init(digest: String, revision: String) {
            self.digest = digest
            self.revision = revision
        }
    }

    package init(storeId: String?, entries: [ResourceKey: Entry], kept: Set<ResourceKey> = []) {
        self.storeId = storeId
        self.entries = entries
        self.kept = kept
    }

    /// The entries, where they are of this store.
    package func entries(of storeId: String) -> [ResourceKey: Entry] { self.storeId == storeId ? entries : [:] }

    /// Adds what a commit wants to stay when it is dropped. Has to be written down before the commit is applied: after a
    /// crash in between, only its manifests would know. What it no longer wants to stay does so until it was applied.
    package mutating func noteKept(of declared: DeclaredState) {
        for declaration in declared.ordered where declaration.annotations.keepsOnPrune { kept.insert(declaration.key) }
    }

    /// The inventory after a store was read: what it holds of this source, and what is declared, was applied and is
    /// gone. An entry is dropped only once a complete reading proves that the resource is neither live nor declared.
    package func updated(from snapshot: ConfigSnapshot, declared: DeclaredState?, source: String) -> Inventory {
        var next = Inventory(storeId: snapshot.storeId, entries: entries(of: snapshot.storeId), kept: kept)
        if let declared {
            next.noteKept(of: declared)
            next.kept = next.kept.filter { declared.resources[$0]?.annotations.keepsOnPrune ?? true }
        }
        // Of ten thousand hardly one has moved: what stays is not written again.
        var staying = 0
        for resource in snapshot.resources where resource.owner == source {
            guard let applied = resource.applied else { continue }
            let entry = Entry(digest: applied.digest, revision: applied.revision)
            if entry != next.entries[resource.key] { next.entries[resource.key] = entry }
            staying += 1
        }
        guard staying < next.entries.count || !next.kept.isEmpty else { return next }
        let live = Set(snapshot.resources.filter { $0.owner == source && $0.applied != nil }.map(\.key))
        func stays(_ key: ResourceKey) -> Bool {
            live.contains(key) || declared == nil || declared?.resources[key] != nil
        }
        if staying < next.entries.count { next.entries = next.entries.filter { stays($0.key) } }
        next.kept = next.kept.filter(stays)
        return next
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.optionalString("storeId")
        entries = [:]
        kept = []
        if reader.optional("entries") == nil {
            try readApplied(try reader.required("applied"))
        } else {
            try readEarlier(try reader.array("entries"))
        }
        for case .string(let text) in reader.optional("kept")?.array ?? [] {
            if let key = ResourceKey(text) { kept.insert(key) }
        }
    }

    private mutating func readApplied(_ applied: JSONValue) throws(JSONFormError) {
        let commits = try JSONObjectReader(applied, path: "/applied")
        for revision in applied.object?.keys ?? [:].keys {
            for (resource, digest) in try commits.stringMap(revision) {
                guard let key = ResourceKey(resource) else { continue }
                entries[key] = Entry(digest: digest, revision: revision)
            }
        }
    }

    /// The form that an earlier version wrote.
    private mutating func readEarlier(_ items: [JSONValue]) throws(JSONFormError) {
        for item in items {
            let entry = try JSONObjectReader(item, path: "/entries")
            guard let key = ResourceKey(try entry.string("resource")) else { continue }
            entries[key] = Entry(digest: try entry.string("digest"), revision: try entry.string("revision"))
            if try entry.bool("keepsOnPrune", default: false) { kept.insert(key) }
        }
    }

    /// Digests by revision and resource: each commit is named once.
    package var json: JSONValue {
        var applied: [String: [String: JSONValue]] = [:]
        for (key, entry) in entries { applied[entry.revision, default: [:]][key.description] = .string(entry.digest) }
        return .object(compacting: [
            "storeId": storeId.map(JSONValue.string), "applied": .object(applied.mapValues(JSONValue.object)),
            "kept": kept.isEmpty ? nil : .array(kept.sorted().map { .string($0.description) }),
        ])
    }
}
