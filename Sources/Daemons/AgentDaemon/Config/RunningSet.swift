package import ConfigAPI
package import Declarations

/// What an agent makes of the resources that it holds: which run, which give way to another, which it cannot run.
package struct RunningSet: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// With the digest as this agent computes it.
        package var item: AgentConfig.Item
        package var verdict: Verdict

        /// What it collects, where it is a collector that runs.
        var collector: CollectorSpec? {
            if case .runs(.collector(let spec)) = verdict { spec } else { nil }
        }
    }

    /// What a resource comes to.
    package enum Verdict: Hashable, Sendable {
        case runs(Spec)
        /// Another collector of the same source comes first.
        case shadowed(by: String)
        /// It cannot be run, and why.
        case rejected(String)
    }

    package let entries: [Entry]
    /// The set digest over all entries.
    package let digest: String

    package static func == (left: RunningSet, right: RunningSet) -> Bool { left.entries == right.entries }
    package func hash(into hasher: inout Hasher) { hasher.combine(entries) }

    package var items: [AgentConfig.Item] { entries.map(\.item) }
    /// The collectors that run, by name.
    package var collectors: [String: CollectorSpec] {
        entries.reduce(into: [:]) { result, entry in
            if let spec = entry.collector { result[entry.item.name] = spec }
        }
    }
    /// The scrape targets that run, by name.
    package var scrapeTargets: [String: ScrapeTargetSpec] {
        entries.reduce(into: [:]) { result, entry in
            if case .runs(.scrapeTarget(let spec)) = entry.verdict { result[entry.item.name] = spec }
        }
    }
    /// The log sources that run, by name.
    package var logSources: [String: LogSourceSpec] {
        entries.reduce(into: [:]) { result, entry in
            if case .runs(.logSource(let spec)) = entry.verdict { result[entry.item.name] = spec }
        }
    }

    package init(_ items: [AgentConfig.Item], decoder: ResourceDecoder, sha256: SHA256Function) {
        let decoded: [Entry] = items.map { Self.decoded($0, decoder) }
        let winners: [CollectorSpec.Source: String] = Self.winners(decoded)
        entries = decoded.map { entry in
            guard let spec = entry.collector, let winner = winners[spec.source], winner != entry.item.name else {
                return entry
            }
            return Entry(item: entry.item, verdict: .shadowed(by: winner))
        }
        digest = Self.digest(of: entries.map(\.item), sha256: sha256)
    }

    /// Of two collectors of one source the higher priority wins, then the name that sorts first.
    private static func winners(_ entries: [Entry]) -> [CollectorSpec.Source: String] {
        var winners: [CollectorSpec.Source: (priority: Int, name: String)] = [:]
        for entry in entries {
            guard let spec = entry.collector else { continue }
            let candidate = (priority: spec.priority, name: entry.item.name)
            if let holder = winners[spec.source],
                holder.priority > candidate.priority
                    || (holder.priority == candidate.priority
                        && holder.name.utf8.lexicographicallyPrecedes(candidate.name.utf8))
            {
                continue
            }
            winners[spec.source] = candidate
        }
        return winners.mapValues(\.name)
    }

    private static func decoded(_ item: AgentConfig.Item, _ decoder: ResourceDecoder) -> Entry {
        func rejected(_ reason: String) -> Entry {
            var item: AgentConfig.Item = item
            item.digest = decoder.rawDigest(kind: item.kind, name: item.name, spec: item.spec)
            return Entry(item: item, verdict: .rejected(reason))
        }
        guard let kind = ResourceKind(rawValue: item.kind), kind.target == .agents else {
            return rejected("this agent does not know the kind \"\(item.kind)\"")
        }
        switch decoder.resource(kind: kind, name: item.name, spec: item.spec) {
        case .failure(let errors): return rejected(errors.description)
        case .success(let decoded):
            let normal = AgentConfig.Item(
                kind: item.kind, name: item.name, spec: decoded.resource.spec, digest: decoded.resource.digest)
            return Entry(item: normal, verdict: .runs(decoded.spec))
        }
    }

    /// Like `setDigest(of:)`, also over kinds that this version does not know.
    private static func digest(of items: [AgentConfig.Item], sha256: SHA256Function) -> String {
        let lines: [String] = items.map { "\($0.kind)/\($0.name) \($0.digest)\n" }
        let sorted: [String] = lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return hexadecimal(sha256(sorted.flatMap { Array($0.utf8) }))
    }
}
