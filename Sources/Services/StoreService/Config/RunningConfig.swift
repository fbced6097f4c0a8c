package import ConfigAPI
package import Database
package import Declarations

/// What this process runs: the resources that it obeys, and from which state of the store they come.
package struct RunningConfig: Hashable, Sendable {
    package var storeId: String
    /// The generation of the store that was loaded.
    package var generation: Int
    /// The set digest over what runs. Differs from `storedDigest` while something stored cannot be decoded.
    package var digest: String
    package var storedDigest: String
    package var resources: [ResourceKey: DecodedResource]
    /// The same by kind, in order of name, with what is stored under their keys.
    private var ofKinds: [ResourceKind: [RunningResource]]
    /// What is stored and cannot be decoded, and why. Its last form that could be runs on, if there was one.
    package var problems: [ResourceKey: String]

    /// What runs after loading: each stored resource, or where that cannot be decoded the form that ran before.
    package init(loading loaded: LoadedConfig, after previous: RunningConfig?, sha256: SHA256Function) {
        let snapshot: ConfigSnapshot = loaded.snapshot
        storeId = snapshot.storeId
        generation = snapshot.generation
        storedDigest = snapshot.digest
        resources = loaded.decoded
        ofKinds = [:]
        problems = [:]
        // In order of key, as stores give them.
        for stored in snapshot.resources {
            var running: DecodedResource? = loaded.decoded[stored.key]
            if running == nil {
                problems[stored.key] = stored.health.message ?? "cannot be decoded"
                // Of another store nothing is kept: a restored database is another configuration.
                if let previous, previous.storeId == storeId { running = previous.resources[stored.key] }
                resources[stored.key] = running
            }
            guard let running else { continue }
            ofKinds[stored.key.kind, default: []].append(RunningResource(decoded: running, stored: stored))
        }
        // Where everything can be decoded, what runs is what is stored.
        digest =
            problems.isEmpty
            ? storedDigest
            : setDigest(of: resources.values.map { (key: $0.key, digest: $0.resource.digest) }, sha256: sha256)
    }

    /// Whether nothing changed. Specs are compared by their digests: there can be thousands.
    package func isSame(as other: RunningConfig?) -> Bool {
        guard let other else { return false }
        return storeId == other.storeId && generation == other.generation && digest == other.digest
            && storedDigest == other.storedDigest && problems == other.problems && hasSameSources(as: other)
    }

    /// Dictionaries in one place are equal at once.
    private func hasSameSources(as other: RunningConfig) -> Bool {
        ofKinds == other.ofKinds
            || ofKinds.allSatisfy { kind, all in
                all.elementsEqual(other.resources(of: kind)) { $0.source == $1.source }
            }
    }

    /// The resources of one kind, in order of name.
    package func resources(of kind: ResourceKind) -> [RunningResource] { ofKinds[kind] ?? [] }

    /// The resource of a key with what is stored under it; nil where none runs.
    package func resource(_ key: ResourceKey) -> RunningResource? {
        let all: [RunningResource] = resources(of: key.kind)
        var range: Range<Int> = all.indices
        while !range.isEmpty {
            let middle: Int = (range.lowerBound + range.upperBound) / 2
            if all[middle].key == key { return all[middle] }
            range = all[middle].key < key ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }

    /// The resources of one kind with their specs, in order of name.
    package func specs<Value>(of kind: ResourceKind, _ value: (Spec) -> Value?) -> [(name: String, spec: Value)] {
        resources(of: kind).compactMap { resource in value(resource.decoded.spec).map { (resource.key.name, $0) } }
    }

    package var hostGroups: HostGroups { HostGroups(resources(of: .hostGroup).map(\.decoded)) }
}

/// A resource that runs, and what is stored under its key: the same, or what cannot be decoded.
package struct RunningResource: Hashable, Sendable {
    package var decoded: DecodedResource
    package var stored: StoredResource

    package var key: ResourceKey { decoded.key }
    /// The commit, file, line and author of the present form, where it came from git.
    package var source: ResourceSource? { stored.source }

    /// Whether nothing changed, which costs nothing to see.
    package func isIdentical(to other: RunningResource) -> Bool {
        decoded === other.decoded && stored.isIdentical(to: other.stored)
    }
}
