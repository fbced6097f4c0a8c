package import ConfigAPI
package import Declarations

/// Decides whether a patch can be applied to what a store holds. Pure: values in, changes or every error out.
package struct PatchChecker: Sendable {
    var decoder: ResourceDecoder
    var changesPerPatch: Int
    /// Whose kinds the store holds.
    var targets: Set<TargetName>
    /// What is stored and can be decoded.
    var present: [ResourceKey: DecodedResource]
    /// Who owns each resource that is stored.
    var owners: [ResourceKey: String]
    /// The sources that enforce from git: those that ever had a lease.
    var gitSources: Set<String>

    package struct Change: Sendable {
        package var key: ResourceKey
        /// Nil deletes.
        package var put: Put?

        package struct Put: Sendable {
            package var resource: DecodedResource
            package var source: ResourceSource?
            package var adopt: Bool
        }
    }

    package init(
        decoder: ResourceDecoder, changesPerPatch: Int, targets: Set<TargetName>,
        present: [ResourceKey: DecodedResource], owners: [ResourceKey: String], gitSources: Set<String>
    ) {
        self.decoder = decoder
        self.changesPerPatch = changesPerPatch
        self.targets = targets
        self.present = present
        self.owners = owners
        self.gitSources = gitSources
    }

    package func check(_ patch: ConfigPatch, writer: String) -> Result<[Change], ConfigRejection> {
        guard patch.changes.count <= changesPerPatch else {
            let message = "\(patch.changes.count) changes; at most \(changesPerPatch) are possible"
            return .failure(ConfigRejection(errors: [.init(index: 0, kind: "", name: "", path: "", message: message)]))
        }
        var errors: [ConfigRejection.Item] = []
        var changes: [(index: Int, change: Change)] = []
        var seen: Set<ResourceKey> = []
        for (index, wanted) in patch.changes.enumerated() {
            func refuse(_ path: String, _ message: String) {
                errors.append(
                    .init(index: index, kind: wanted.kind, name: wanted.name, path: path, message: message))
            }
            guard let kind = ResourceKind(rawValue: wanted.kind) else {
                refuse("", "unsupported: unknown kind \"\(wanted.kind)\"")
                continue
            }
            guard targets.contains(kind.target) else {
                refuse("", "unsupported: \(kind.rawValue) is held by the \(kind.target.rawValue), not here")
                continue
            }
            let key = ResourceKey(kind, wanted.name)
            if !seen.insert(key).inserted { refuse("", "\(key) is changed twice in one patch") }
            switch wanted.operation {
            case .delete: changes.append((index, Change(key: key, put: nil)))
            case .put(let spec):
                if wanted.adopt { refusal(ofAdopting: key, patch, writer).map { refuse("", $0) } }
                switch decoder.resource(kind: kind, name: wanted.name, spec: spec) {
                case .failure(let problems): for problem in problems.errors { refuse(problem.path, problem.message) }
                case .success(let resource):
                    let put = Change.Put(resource: resource, source: wanted.source, adopt: wanted.adopt)
                    changes.append((index, Change(key: key, put: put)))
                }
            }
        }
        // References are looked at only when everything else is right: a spec that failed would be missed by others.
        if errors.isEmpty { errors = danglingReferences(changes) }
        return errors.isEmpty ? .success(changes.map(\.change)) : .failure(ConfigRejection(errors: errors))
    }

    private func refusal(ofAdopting key: ResourceKey, _ patch: ConfigPatch, _ writer: String) -> String? {
        guard patch.leaseEpoch != nil else { return "only a reconciler that holds a lease may adopt" }
        guard let owner = owners[key], owner != writer, gitSources.contains(owner) else { return nil }
        return "contested: \(key) belongs to the git source \"\(owner)\""
    }

    /// What a put names must be there afterwards, and what is deleted must not be named by anything that stays.
    private func danglingReferences(_ changes: [(index: Int, change: Change)]) -> [ConfigRejection.Item] {
        let changed = Dictionary(changes.map { ($0.change.key, $0.change) }) { _, last in last }
        func isThere(_ key: ResourceKey) -> Bool { changed[key].map { $0.put != nil } ?? (owners[key] != nil) }
        let referrers: [ResourceKey: [ResourceKey]] =
            changed.values.contains { $0.put == nil } ? referrers(after: changed) : [:]
        var errors: [ConfigRejection.Item] = []
        for (index, change) in changes {
            func refuse(_ message: String) {
                errors.append(
                    .init(
                        index: index, kind: change.key.kind.rawValue, name: change.key.name, path: "", message: message)
                )
            }
            if let put = change.put {
                for reference in references(of: put.resource.spec) where !isThere(reference) {
                    refuse("\(change.key) refers to \(reference), which does not exist")
                }
            } else if let users = referrers[change.key] {
                let names: String = users.sorted().map(\.description).joined(separator: ", ")
                refuse("\(change.key) is still referred to by \(names)")
            }
        }
        return errors
    }

    /// Who names what. Looks at everything, which only a deletion is worth.
    private func referrers(after changed: [ResourceKey: Change]) -> [ResourceKey: [ResourceKey]] {
        var after: [ResourceKey: DecodedResource] = present
        for change in changed.values { after[change.key] = change.put?.resource }
        var referrers: [ResourceKey: [ResourceKey]] = [:]
        for (key, resource) in after {
            for reference in references(of: resource.spec) { referrers[reference, default: []].append(key) }
        }
        return referrers
    }
}
