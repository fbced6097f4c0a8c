/// A collector that selects a host, and whether another one of the same source goes before it there.
package struct EffectiveCollector: Hashable, Sendable {
    package var resource: Resource
    package var spec: CollectorSpec
    /// Does not run on the host: a collector of its source has a higher priority, or the same and a name that sorts
    /// first.
    package var isShadowed: Bool
}

/// The collectors that select `host`, in order of name.
package func effectiveCollectors(
    for host: HostProfile, from resources: some Sequence<DecodedResource>
) -> [EffectiveCollector] {
    var selected: [EffectiveCollector] = []
    for resource in resources {
        guard case .collector(let spec) = resource.spec, spec.hosts.selects(host) else { continue }
        selected.append(EffectiveCollector(resource: resource.resource, spec: spec, isShadowed: false))
    }
    selected.sort { $0.resource.key < $1.resource.key }
    for index in selected.indices {
        selected[index].isShadowed = selected.contains { $0.goesBefore(selected[index]) }
    }
    return selected
}

/// Everything that agents run and that selects `host`, in order of key: what its agent is to run.
package func agentResources(
    for host: HostProfile, from resources: some Sequence<DecodedResource>
) -> [Resource] {
    resources.filter { resource in
        switch resource.spec {
        case .collector(let spec): spec.hosts.selects(host)
        case .logSource(let spec): spec.hosts.selects(host)
        case .scrapeTarget(let spec): spec.hosts.selects(host)
        case .hostGroup, .notifier, .retention, .alertRule, .statusPage, .pipeline, .unit: false
        }
    }
    .map(\.resource).sorted { $0.key < $1.key }
}

extension EffectiveCollector {
    fileprivate func goesBefore(_ other: EffectiveCollector) -> Bool {
        guard spec.source == other.spec.source, resource.key != other.resource.key else { return false }
        return spec.priority != other.spec.priority
            ? spec.priority > other.spec.priority : resource.key < other.resource.key
    }
}
