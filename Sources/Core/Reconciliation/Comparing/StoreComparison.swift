package import ConfigAPI
package import Declarations

/// Compares a commit with one store, three ways: declared, applied, live. Every key of any side has one difference; the
/// order is that of keys.
///
/// - Parameter declared: in the order of keys, each once.
package func compareStore(
    declared: [Declaration], inventory: Inventory, snapshot: ConfigSnapshot, deletions: [ResourceKey: ChangedBy],
    source: String
) -> [Difference] {
    // Stores answer in this order: then sorting is one pass.
    let live: [StoredResource] = snapshot.resources.sorted { $0.key < $1.key }
    let entries = inventory.entries(of: snapshot.storeId)
    let comparison = StoreComparison(source: source, inventory: inventory, deletions: deletions)
    var differences: [Difference] = []
    differences.reserveCapacity(max(declared.count, live.count))
    var knownCount = 0
    func add(_ key: ResourceKey, _ declared: Declaration?, _ live: StoredResource?) {
        let entry: Inventory.Entry? = entries[key]
        if entry != nil { knownCount += 1 }
        differences.append(comparison.difference(of: key, declared: declared, entry: entry, live: live))
    }
    var place = 0
    /// Whatever stands twice in an answer counts once.
    func skip(_ key: ResourceKey) { while place < live.count, live[place].key == key { place += 1 } }
    func addUndeclared(before limit: ResourceKey?) {
        while place < live.count {
            let resource: StoredResource = live[place]
            let key: ResourceKey = resource.key
            if let limit, !(key < limit) { return }
            add(key, nil, resource)
            skip(key)
        }
    }
    for declaration in declared {
        let key: ResourceKey = declaration.key
        addUndeclared(before: key)
        let isLive: Bool = place < live.count && live[place].key == key
        add(key, declaration, isLive ? live[place] : nil)
        skip(key)
    }
    addUndeclared(before: nil)
    guard knownCount < entries.count else { return differences }
    let seen = Set(differences.map(\.key))
    for key in entries.keys where !seen.contains(key) { add(key, nil, nil) }
    return differences.sorted { $0.key < $1.key }
}

private struct StoreComparison {
    let source: String
    let inventory: Inventory
    let deletions: [ResourceKey: ChangedBy]

    func difference(
        of key: ResourceKey, declared: Declaration?, entry: Inventory.Entry?, live: StoredResource?
    ) -> Difference {
        switch (declared, live) {
        case (nil, nil):
            Difference(key: key, appliedDigest: entry?.digest, finding: .gone, causes: [])
        case (nil, let live?):
            undeclared(live, entry: entry)
        case (let declared?, nil):
            missing(declared, entry: entry)
        case (let declared?, let live?):
            both(declared, live, entry: entry)
        }
    }

    private func undeclared(_ live: StoredResource, entry: Inventory.Entry?) -> Difference {
        let applied: String? = live.applied?.digest ?? entry?.digest
        var difference = Difference(key: live.key, appliedDigest: applied, live: live, finding: .foreign, causes: [])
        guard live.owner == source else { return difference }
        if inventory.kept.contains(live.key) {
            difference.finding = .kept
            return difference
        }
        difference.finding = .prune
        difference.causes = [.prune]
        if let applied, applied != live.digest {
            difference.causes.append(.drift)
            difference.changedBy = attribution(live)
        }
        return difference
    }

    private func missing(_ declared: Declaration, entry: Inventory.Entry?) -> Difference {
        var difference = Difference(
            key: declared.key, declared: declared, appliedDigest: entry?.digest, finding: .create, causes: [.commit])
        guard let entry else { return difference }
        difference.causes = entry.digest == declared.digest ? [.drift] : [.commit, .drift]
        difference.changedBy = deletions[declared.key] ?? .unaudited
        return difference
    }

    private func both(_ declared: Declaration, _ live: StoredResource, entry: Inventory.Entry?) -> Difference {
        var difference = Difference(key: declared.key, declared: declared, live: live, finding: .same, causes: [])
        if live.owner != source {
            // Only a reconciler's put leaves `applied`: somebody else's git says this too.
            if live.applied != nil {
                difference.finding = .contested
                return difference
            }
            if entry == nil || declared.digest == live.digest {
                difference.finding = .adopt
                difference.causes = [.commit]
                return difference
            }
        }
        // Deleted and made anew by somebody: what we applied is known from the inventory alone.
        let applied: String? = live.owner == source ? (live.applied?.digest ?? entry?.digest) : entry?.digest
        difference.appliedDigest = applied
        if live.digest == declared.digest {
            if applied != declared.digest { difference.finding = .convergedOutside }
            return difference
        }
        difference.finding = .update
        switch applied {
        case declared.digest: difference.causes = [.drift]
        case live.digest, nil: difference.causes = [.commit]
        default: difference.causes = [.commit, .drift]
        }
        if difference.causes.contains(.drift) { difference.changedBy = attribution(live) }
        return difference
    }

    /// Who made `live` differ from what we applied. A store that names our own write as the last one cannot know who
    /// made the difference: nobody is named then.
    private func attribution(_ live: StoredResource) -> ChangedBy {
        guard let changedBy = live.changedBy, changedBy.via != .git || changedBy.who != source else {
            return .unaudited
        }
        return changedBy
    }
}

extension Difference {
    init(
        key: ResourceKey, declared: Declaration? = nil, appliedDigest: String? = nil, live: StoredResource? = nil,
        finding: Finding, causes: [Cause]
    ) {
        self.init(
            key: key, declared: declared, appliedDigest: appliedDigest, live: live, finding: finding, causes: causes,
            changedBy: nil)
    }
}
