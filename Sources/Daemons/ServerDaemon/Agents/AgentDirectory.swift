package import ConfigAPI
package import Database
package import Declarations
package import StoreService
import Telemetry

/// What each host is to run, computed from the running configuration.
///
/// Every ingest answer names the digest, so the result is kept per host until the configuration or the host's facts
/// change.
package actor AgentDirectory {
    private struct Entry {
        var facts: [String: String]
        var config: AgentConfig
        var profile: HostProfile
    }

    /// The configuration that the entries are made from.
    private var basis: RunningConfig?
    private var groups = HostGroups([])
    /// What agents run at all.
    private var declared: [DecodedResource] = []
    private var entries: [String: Entry] = [:]
    private var facts: [String: [String: String]] = [:]

    private let live: LiveConfig
    private let store: AgentStore
    private let sha256: SHA256Function

    package init(live: LiveConfig, store: AgentStore, sha256: @escaping SHA256Function) {
        self.live = live
        self.store = store
        self.sha256 = sha256
    }

    /// What the host is to run, without requests to set something right; nil until the configuration was loaded. The
    /// first question about a host reads its facts from the database.
    package func expected(for host: String) async throws(DatabaseError) -> AgentConfig? {
        if facts[host] == nil {
            let record: AgentRecord? = try await store.agent(host: host)
            // Whoever said something meanwhile knows better.
            if facts[host] == nil { facts[host] = record?.status?.facts ?? [:] }
        }
        return await entry(for: host, facts: facts[host] ?? [:])?.config
    }

    /// What a host with these facts is to run and which groups it belongs to; nil until the configuration was loaded.
    package func expected(
        for host: String, facts present: [String: String]
    ) async -> (config: AgentConfig, profile: HostProfile)? {
        facts[host] = present
        return await entry(for: host, facts: present).map { ($0.config, $0.profile) }
    }

    private func entry(for host: String, facts: [String: String]) async -> Entry? {
        guard let running = await live.running else { return nil }
        if !running.isSame(as: basis) {
            basis = running
            groups = running.hostGroups
            declared = ResourceKind.allCases.filter { $0.target == .agents }
                .flatMap { running.resources(of: $0) }.map(\.decoded)
            entries = [:]
        }
        if let known = entries[host], known.facts == facts { return known }
        let profile: HostProfile = groups.profile(of: HostIdentity(name: host, facts: facts))
        let resources: [Resource] = agentResources(for: profile, from: declared)
        let items: [AgentConfig.Item] = resources.map {
            AgentConfig.Item(kind: $0.key.kind.rawValue, name: $0.key.name, spec: $0.spec, digest: $0.digest)
        }
        let digest: String = setDigest(of: resources.map { (key: $0.key, digest: $0.digest) }, sha256: sha256)
        let config = AgentConfig(
            storeId: running.storeId, generation: running.generation, digest: digest, resources: items)
        let entry = Entry(facts: facts, config: config, profile: profile)
        entries[host] = entry
        return entry
    }
}
