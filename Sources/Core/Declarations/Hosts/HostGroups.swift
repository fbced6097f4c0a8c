package import Telemetry

/// A host as it presents itself.
package struct HostIdentity: Hashable, Sendable {
    package var name: String
    /// What its agent reports of it, without the prefix `fact_` that labels made from facts get.
    package var facts: [String: String]

    package init(name: String, facts: [String: String] = [:]) {
        self.name = name
        self.facts = facts
    }
}

/// What the declared HostGroups make of a host.
package struct HostProfile: Hashable, Sendable {
    package var name: String
    /// The HostGroups that the host belongs to, sorted.
    package var groups: [String]
    /// Labels from its groups, and its facts under the prefix `fact_`. A host cannot give itself any other label, so
    /// that it cannot choose its own config.
    package var labels: [String: String]
    package var staleAfter: PromDuration
    package var downAfter: PromDuration
}

/// All HostGroups of a set of resources.
///
/// Where the groups of a host disagree, on a label's value or on the thresholds, the group whose name sorts first wins.
package struct HostGroups: Sendable {
    private let groups: [Group]

    /// How long a host that belongs to no group may be silent.
    package static let defaultStaleAfter = PromDuration.seconds(20)
    package static let defaultDownAfter = PromDuration.seconds(50)

    private struct Group {
        let name: String
        let spec: HostGroupSpec
        let globs: [Glob]
    }

    package init(_ resources: some Sequence<DecodedResource>) {
        var groups: [Group] = []
        for resource in resources {
            guard case .hostGroup(let spec) = resource.spec else { continue }
            groups.append(Group(name: resource.key.name, spec: spec, globs: spec.hosts.map { Glob($0) }))
        }
        self.groups = groups.sorted { $0.name < $1.name }
    }

    /// The names of hosts that are written out in a group: they are expected, also before they first report. Sorted.
    package var expectedHosts: [String] {
        Set(groups.flatMap { $0.globs.compactMap(\.literal) }).sorted()
    }

    package func profile(of host: HostIdentity) -> HostProfile {
        let members: [Group] = groups.filter { group in group.globs.contains { $0.matches(host.name) } }
        var labels: [String: String] = [:]
        for (name, value) in host.facts { labels["fact_" + name] = value }
        for group in members.reversed() {
            labels.merge(group.spec.labels) { _, earlier in earlier }
        }
        return HostProfile(
            name: host.name, groups: members.map(\.name), labels: labels,
            staleAfter: members.first?.spec.staleAfter ?? Self.defaultStaleAfter,
            downAfter: members.first?.spec.downAfter ?? Self.defaultDownAfter)
    }
}

extension HostSelector {
    /// Whether the host is among `names` or in one of `groups` (any host where both are empty), and has all `labels`.
    package func selects(_ host: HostProfile) -> Bool {
        let isNamed: Bool =
            (names.isEmpty && groups.isEmpty) || names.contains { Glob($0).matches(host.name) }
            || groups.contains { host.groups.contains($0) }
        return isNamed && labels.allSatisfy { host.labels[$0.key] == $0.value }
    }
}
