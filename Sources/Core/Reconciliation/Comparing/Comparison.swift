package import Declarations
package import Telemetry
package import ConfigAPI

/// What one run found: every difference between declared, applied and live state.
package struct Comparison: Hashable, Sendable {
    package var revision: String
    package var source: String
    /// Empty where the server did not answer.
    package var differences: [Difference]
    package var agents: [AgentComparison]
    package var server: Observed<ServerFacts>
    /// Nil where there is neither a proxy nor anything declared for one.
    package var proxy: Observed<ServerFacts>?
    /// Nil where no unit is or was declared.
    package var units: Observed<ServerFacts>?
    /// Why the agents are unknown as a whole; nil where they are known.
    package var agentsUnknown: String?
    /// Set digests over declared and owned keys without ignored and tolerated ones; nil where the server did not answer.
    package var declaredDigest: String?
    package var liveDigest: String?

    /// What else is known of a store that answered.
    package struct ServerFacts: Hashable, Sendable {
        package var storeId: String
        package var generation: Int
        package var instances: [ConfigSnapshot.Instance]
        package var unhealthy: [StoredResource]

        /// Instances that count and do not run this generation, or hold it and do not obey it.
        package var laggingInstances: [ConfigSnapshot.Instance] {
            instances.filter { $0.isFresh && ($0.loadedGeneration != generation || $0.isSafeMode) }
        }
    }
}

/// What comparing needs besides the states.
package struct ComparisonContext: Sendable {
    /// The name under which this reconciler owns resources.
    package var source: String
    package var now: Timestamp
    /// How long a host may take to follow a new expectation: three drift intervals.
    package var grace: PromDuration
    package var sha256: SHA256Function
    /// Left out of the set digests.
    package var tolerated: Set<ResourceKey>

    package init(
        source: String, now: Timestamp, grace: PromDuration, sha256: @escaping SHA256Function,
        tolerated: Set<ResourceKey> = []
    ) {
        self.source = source
        self.now = now
        self.grace = grace
        self.sha256 = sha256
        self.tolerated = tolerated
    }
}

/// Compares a commit with everything that answered. A pure function; the order of its inputs does not matter.
package func compare(
    declared: DeclaredState, inventory: Inventory, proxyInventory: Inventory = .empty,
    unitInventory: Inventory = .empty, live: LiveState, context: ComparisonContext
) -> Comparison {
    var comparison = Comparison(
        revision: declared.revision, source: context.source, differences: [], agents: [],
        server: .unreachable(reason: ""))
    switch live.server {
    case .unreachable(let reason): comparison.server = .unreachable(reason: reason)
    case .present(let snapshot):
        comparison.server = .present(Comparison.ServerFacts(snapshot))
        comparison.differences = compareStore(
            declared: declared.ordered.filter { $0.key.kind.target.store == .server }, inventory: inventory,
            snapshot: snapshot,
            deletions: live.deletions, source: context.source)
    }
    comparison.compareProxy(declared, proxyInventory, live, context)
    comparison.compareUnits(declared, unitInventory, live, context)
    if comparison.server.value != nil { comparison.setDigests(context) }
    switch live.agents {
    case .unreachable(let reason): comparison.agentsUnknown = reason
    case .present(let agents):
        comparison.agents = compareAgents(agents, now: context.now, grace: context.grace)
    }
    return comparison
}

extension Comparison {
    /// Takes over what is said of processes and hosts, where nothing that is stored or declared has moved.
    package mutating func update(from live: LiveState, context: ComparisonContext) {
        if let snapshot = live.server.value { server = .present(ServerFacts(snapshot)) }
        if let snapshot = live.proxy?.value { proxy = .present(ServerFacts(snapshot)) }
        if let snapshot = live.units?.value { units = .present(ServerFacts(snapshot)) }
        guard let views = live.agents.value else { return }
        agents = compareAgents(views, now: context.now, grace: context.grace)
    }

    /// What is said of processes and hosts alone, without comparing resources.
    package init(ofProcesses live: LiveState, revision: String, context: ComparisonContext) {
        self.init(
            revision: revision, source: context.source, differences: [], agents: [], server: .unreachable(reason: ""))
        if case .unreachable(let reason) = live.server { server = .unreachable(reason: reason) }
        if case .unreachable(let reason)? = live.proxy { proxy = .unreachable(reason: reason) }
        if case .unreachable(let reason) = live.agents { agentsUnknown = reason }
        update(from: live, context: context)
    }
}

extension Comparison.ServerFacts {
    init(_ snapshot: ConfigSnapshot) {
        self.init(
            storeId: snapshot.storeId, generation: snapshot.generation, instances: snapshot.instances,
            unhealthy: snapshot.resources.filter { !$0.isHealthy })
    }
}

extension Comparison {
    /// The proxy's store, beside the server's: one that does not answer leaves the other's differences as they are.
    fileprivate mutating func compareProxy(
        _ declared: DeclaredState, _ inventory: Inventory, _ live: LiveState, _ context: ComparisonContext
    ) {
        let wanted: [Declaration] = declared.ordered.filter { $0.key.kind.target == .proxy }
        switch live.proxy {
        case nil where wanted.isEmpty: proxy = nil
        case nil:
            proxy = .unreachable(
                reason:
                    "\(wanted.count) resources are declared for a proxy, and the bootstrap config names none"
                    + " (proxy.url)")
        case .unreachable(let reason): proxy = .unreachable(reason: reason)
        case .present(let snapshot):
            proxy = .present(ServerFacts(snapshot))
            differences += compareStore(
                declared: wanted, inventory: inventory, snapshot: snapshot, deletions: live.deletions,
                source: context.source)
        }
    }

    /// The machine's units, which are in nobody's store.
    fileprivate mutating func compareUnits(
        _ declared: DeclaredState, _ inventory: Inventory, _ live: LiveState, _ context: ComparisonContext
    ) {
        switch live.units {
        case nil: units = nil
        case .unreachable(let reason): units = .unreachable(reason: reason)
        case .present(let snapshot):
            units = .present(ServerFacts(snapshot))
            differences += compareStore(
                declared: declared.ordered.filter { $0.key.kind.target == .systemd }, inventory: inventory,
                snapshot: snapshot,
                deletions: live.deletions, source: context.source)
        }
    }

    fileprivate mutating func setDigests(_ context: ComparisonContext) {
        let sha256: SHA256Function = context.sha256
        var declared: [(key: ResourceKey, digest: String)] = []
        var live: [(key: ResourceKey, digest: String)] = []
        declared.reserveCapacity(differences.count)
        live.reserveCapacity(differences.count)
        var isDifferent = false
        for difference in differences where difference.countsForDigest && !context.tolerated.contains(difference.key) {
            if let digest = difference.declared?.digest { declared.append((difference.key, digest)) }
            if let digest = difference.live?.digest { live.append((difference.key, digest)) }
            isDifferent = isDifferent || difference.isContentDifferent
        }
        let ofDeclared: String = setDigest(of: declared, sha256: sha256)
        declaredDigest = ofDeclared
        // Most cycles find nothing: then one of the two hashes is enough.
        liveDigest = isDifferent ? setDigest(of: live, sha256: sha256) : ofDeclared
    }
}

extension Difference {
    /// Declared or owned, and not left out by an annotation.
    fileprivate var countsForDigest: Bool {
        switch finding {
        case .foreign, .gone, .kept: false
        default: declared?.annotations.drift != .ignore
        }
    }
}
