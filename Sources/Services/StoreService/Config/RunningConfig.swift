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
    /// The commit, file, line and author of each resource's present form, where it came from git.
    package var sources: [ResourceKey: ResourceSource]
    /// What is stored and cannot be decoded, and why. Its last form that could be runs on, if there was one.
    package var problems: [ResourceKey: String]

    /// What runs after loading: each stored resource, or where that cannot be decoded the form that ran before.
    package init(loading loaded: LoadedConfig, after previous: RunningConfig?, sha256: SHA256Function) {
        let snapshot: ConfigSnapshot = loaded.snapshot
        storeId = snapshot.storeId
        generation = snapshot.generation
        storedDigest = snapshot.digest
        resources = loaded.decoded
        sources = [:]
        problems = [:]
        for stored in snapshot.resources {
            sources[stored.key] = stored.source
            guard loaded.decoded[stored.key] == nil else { continue }
            problems[stored.key] = stored.health.message ?? "cannot be decoded"
            // Of another store nothing is kept: a restored database is another configuration.
            if let previous, previous.storeId == storeId { resources[stored.key] = previous.resources[stored.key] }
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
            && storedDigest == other.storedDigest && problems == other.problems && sources == other.sources
    }

    /// The resources of one kind with their specs, in order of name.
    package func specs<Value>(_ value: (Spec) -> Value?) -> [(name: String, spec: Value)] {
        resources.values.compactMap { resource in value(resource.spec).map { (resource.key.name, $0) } }
            .sorted { $0.0 < $1.0 }
    }

    package var hostGroups: HostGroups { HostGroups(resources.values) }
}
