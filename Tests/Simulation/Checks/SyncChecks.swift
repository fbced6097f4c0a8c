import ConfigAPI
import Declarations
import GitStore
import Glibc
import Reconciliation
import Telemetry

extension World {
    /// Nothing that anybody may read holds a secret.
    func checkSecrets(_ text: String, _ what: String, by incarnation: Incarnation) {
        guard !incarnation.isDead, strstr(text, Vocabulary.secretMark) != nil else { return }
        violate(.secret, "daemon \(incarnation.daemon) wrote a secret into \(what)")
    }

    func checkSecrets(in value: JSONValue, _ what: String, by incarnation: Incarnation) {
        switch value {
        case .string(let text): checkSecrets(text, what, by: incarnation)
        case .array(let items): for item in items { checkSecrets(in: item, what, by: incarnation) }
        case .object(let members):
            for (name, member) in members {
                checkSecrets(name, what, by: incarnation)
                checkSecrets(in: member, what, by: incarnation)
            }
        default: return
        }
    }

    /// Where a run says `inSync`, there was a moment within it at which that was so.
    func checkSync(_ report: SeenReport, by incarnation: Incarnation) {
        guard report.isInSync, !incarnation.isDead else { return }
        guard report.declaredDigest == report.liveDigest, report.declaredDigest != nil else {
            return violate(.inSync, "daemon \(incarnation.daemon) says inSync while its digests differ")
        }
        // While a first meeting lasts no commit is accepted, and none is named.
        if report.commit == nil, report.isObserving { return }
        guard let id = report.commit.flatMap(ObjectID.init(hex:)), let commit = remote.commits[id] else {
            return violate(.inSync, "daemon \(incarnation.daemon) is in sync with no commit")
        }
        let start: Duration = incarnation.runStart ?? timeline.now
        // Where what is tolerated is not known, nothing is said of it.
        guard let orders = daemons[incarnation.daemon].orders else { return }
        let tolerated = Set(orders.tolerations.map(\.resource))
        for component in components.values.sorted(by: { $0.name.rawValue < $1.name.rawValue }) {
            if let reason = component.reasonNeverInSync(with: commit, since: start, tolerated) {
                return violate(
                    .inSync,
                    "daemon \(incarnation.daemon) says inSync with \(id.short), but \(component.name.rawValue): \(reason)"
                )
            }
        }
    }

    /// Whether everything is as the branch's head declares it, and every daemon says so.
    var isConverged: Bool {
        guard isCalm, let head = remote.headCommit else { return false }
        for daemon in daemons {
            guard let report = daemon.lastReport, daemon.isRunning, report.isInSync, report.commit == head.id.hex
            else { return false }
        }
        return whyNotConverged == nil
    }

    /// What is not yet as declared; nil where everything is.
    var whyNotConverged: String? {
        guard let head = remote.headCommit else { return "no commit" }
        for component in components.values {
            if let reason = component.difference(from: head, component.store.rows) {
                return "\(component.name.rawValue): \(reason)"
            }
            if component.loadedGeneration != component.store.generation {
                return "\(component.name.rawValue) runs generation \(component.loadedGeneration)"
            }
            // What others made is left to others, on the hosts too.
            let isOurs: (ResourceKey) -> Bool = { component.store.rows[$0]?.owner == SimulatedTarget.writer }
            for host in component.hosts where !host.isRight(isOurs) {
                return "host \(host.name) runs something else"
            }
        }
        for daemon in daemons {
            guard let report = daemon.lastReport, daemon.isRunning else { return "daemon \(daemon.number) is silent" }
            guard report.isInSync, report.commit == head.id.hex else {
                return "daemon \(daemon.number): \(report), head \(head.id.short)"
            }
        }
        return nil
    }
}

extension SimulatedComponent {
    /// The first thing in which a content differs from what a commit declares.
    func difference(
        from commit: SimulatedCommit, _ rows: [ResourceKey: StoreModel.Row], tolerated: Set<ResourceKey> = []
    ) -> String? {
        for (key, entry) in commit.entries where store.targets.contains(key.kind.target) && entry.drift != .ignore {
            guard !tolerated.contains(key) else { continue }
            let digest: String = Vocabulary.digest(key, entry.variant)
            if rows[key]?.resource.resource.digest != digest {
                return "\(key) is \(rows[key] == nil ? "not there" : "another")"
            }
        }
        for (key, row) in rows where row.owner == SimulatedTarget.writer && commit.entries[key] == nil {
            guard !world.wasKept(key), !tolerated.contains(key) else { continue }
            return "\(key) is still there"
        }
        return nil
    }

    /// Why no moment since `start` was one of agreement; nil where one was.
    func reasonNeverInSync(
        with commit: SimulatedCommit, since start: Duration, _ tolerated: Set<ResourceKey>
    )
        -> String?
    {
        var reason: String?
        var first: Int = history.lastIndex { $0.from <= start } ?? 0
        // What was written past the triggers is found within a minute, and a run that began before may not know of it.
        func isUnnoticed(_ index: Int) -> Bool {
            !history[index].isRecorded && history[index].from > start - .seconds(75)
        }
        while first > 0, isUnnoticed(first) { first -= 1 }
        for index in first..<history.count {
            let next: Int? = ((index + 1)..<history.count).first { !isUnnoticed($0) }
            let end: Duration = next.map { history[$0].from } ?? world.timeline.now
            if let found = difference(from: commit, history[index].rows, tolerated: tolerated) {
                reason = reason ?? found
            } else if !wasLoaded(from: max(start, history[index].from), to: max(start, end)) {
                reason = reason ?? "its process ran another generation"
            } else {
                return nil
            }
        }
        return reason
    }

    private func wasLoaded(from start: Duration, to end: Duration) -> Bool {
        if loads.last(where: { $0.at <= start })?.isLoaded ?? false { return true }
        return loads.contains { $0.isLoaded && $0.at >= start && $0.at <= end }
    }
}

extension World {
    /// Whether some manifest of the resource ever said that it stays.
    func wasKept(_ key: ResourceKey) -> Bool {
        remote.order.contains { remote.commits[$0]?.entries[key]?.isKept == true }
    }
}
