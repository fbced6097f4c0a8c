package import ConfigAPI
package import Declarations
package import Telemetry

/// The units of a machine in the form of a store, so that they are compared, planned and reported as everything else
/// is. systemd has no store: what was applied is known from the inventory alone, and who changed a unit from nobody.
package struct LiveUnits: Sendable {
    /// The id of the store that there is not.
    package static let storeId = "systemd"

    package var declared: [ResourceKey: DeclaredUnit]
    package var inventory: UnitInventory
    package var looks: [String: UnitLook]
    /// The name under which the reconciler owns resources.
    package var source: String
    package var own: String?
    package var now: Timestamp
    package var decoder: ResourceDecoder

    package init(
        declared: [ResourceKey: DeclaredUnit], inventory: UnitInventory, looks: [String: UnitLook], source: String,
        own: String?, now: Timestamp, decoder: ResourceDecoder
    ) {
        self.declared = declared
        self.inventory = inventory
        self.looks = looks
        self.source = source
        self.own = own
        self.now = now
        self.decoder = decoder
    }

    /// Every unit that is ours: declared once and not given up since. A unit that was never declared is not there, even
    /// where systemd runs it.
    package var snapshot: ConfigSnapshot {
        let resources: [StoredResource] = inventory.entries.sorted { $0.key < $1.key }.compactMap { key, entry in
            guard let look = looks[entry.spec.unit], look.isInstalled else { return nil }
            return declared[key].map { stored(key, $0, entry, look) } ?? dropped(key, entry, look)
        }
        return ConfigSnapshot(
            storeId: Self.storeId, generation: 0, digest: "", instances: [], resources: resources)
    }

    private func stored(
        _ key: ResourceKey, _ wanted: DeclaredUnit, _ entry: UnitInventory.Entry, _ look: UnitLook
    ) -> StoredResource {
        let changed: Set<ResourceKey> = look.isRunning ? outdated(wanted, entry) : []
        let spec: JSONValue = liveSpec(
            wanted.spec, look, startedWith: wanted.spec.restartOn.filter { !changed.contains($0) })
        let live: String = digest(key, spec)
        // What was applied may leave out what is declared now. Nobody but git moved where live still is what was applied,
        // told in the terms of then; and after an attempt that failed half-way nothing can be said.
        let asApplied: String = digest(key, liveSpec(entry.spec, look, startedWith: entry.spec.restartOn))
        let isUntouched: Bool = entry.digest.isEmpty || asApplied == entry.digest
        return resource(key, spec, live, applied: isUntouched ? live : entry.digest, entry, look)
    }

    private func dropped(_ key: ResourceKey, _ entry: UnitInventory.Entry, _ look: UnitLook) -> StoredResource? {
        if !entry.keepsOnPrune, givingUp(entry, look).isEmpty { return nil }
        let spec: JSONValue = liveSpec(entry.spec, look, startedWith: entry.spec.restartOn)
        return resource(key, spec, digest(key, spec), applied: entry.digest, entry, look)
    }

    private func resource(
        _ key: ResourceKey, _ spec: JSONValue, _ digest: String, applied: String, _ entry: UnitInventory.Entry,
        _ look: UnitLook
    ) -> StoredResource {
        StoredResource(
            key: key, spec: spec, digest: digest, owner: source,
            applied: Applied(digest: applied, revision: entry.revision),
            changedBy: ChangedBy(who: nil, at: changedAt(entry.spec, look), via: .systemd),
            health: look.complaint.map { StoredResource.Health(state: .failing, message: $0) } ?? .healthy)
    }

    /// When a unit became other than what was applied, where that can be seen. By whom systemd does not say, and
    /// neither when it was enabled or disabled.
    private func changedAt(_ applied: UnitSpec, _ look: UnitLook) -> Timestamp? {
        let settings: [String: JSONValue] = look.dropIn.map(DropIn.settings) ?? [:]
        if settings != (DropIn.text(applied.settings).map(DropIn.settings) ?? [:]) { return look.dropInChangedAt }
        if let state = applied.state, (state == .running) != look.isRunning { return look.changedAt }
        return nil
    }

    /// What a unit is, told in the terms of `spec`: what that leaves out is left out.
    private func liveSpec(_ spec: UnitSpec, _ look: UnitLook, startedWith restartOn: [ResourceKey]) -> JSONValue {
        var members: [String: JSONValue] = ["unit": .string(look.unit)]
        if spec.enabled != nil { members["enabled"] = .bool(look.isEnabled) }
        if let state = spec.state {
            // On its way down it is neither: it may be on its way up again, and the next look knows.
            let live: UnitSpec.State = look.activeState == "deactivating" ? state : look.isRunning ? .running : .stopped
            members["state"] = .string(live.rawValue)
        }
        let settings: [String: JSONValue] = look.dropIn.map(DropIn.settings) ?? [:]
        if !settings.isEmpty { members["settings"] = .object(settings) }
        if !restartOn.isEmpty { members["restartOn"] = .array(restartOn.map { .string($0.description) }) }
        // Files that systemd has not read, and settings that the running unit was started without.
        if look.needsReload { members["daemonReload"] = "needed" }
        if look.isOlderThanDropIn(now: now), spec.state != .stopped { members["restart"] = "needed" }
        return .object(members)
    }

    private func digest(_ key: ResourceKey, _ spec: JSONValue) -> String {
        switch decoder.resource(kind: key.kind, name: key.name, spec: spec) {
        case .success(let decoded): decoded.resource.digest
        case .failure: decoder.rawDigest(kind: key.kind.rawValue, name: key.name, spec: spec)
        }
    }

    /// What in `restartOn` has another form than when the unit was last started. Of what is not known nothing is said.
    package func outdated(_ unit: DeclaredUnit, _ entry: UnitInventory.Entry?) -> Set<ResourceKey> {
        Set(
            unit.spec.restartOn.filter { key in
                guard let before = entry?.startedWith[key], let now = unit.dependencies[key] else { return false }
                return before != now
            })
    }

    /// The operations that carry out what is declared of a unit, or its giving up.
    package func operations(for key: ResourceKey) throws(UnitPlanError) -> [UnitOperation] {
        let entry: UnitInventory.Entry? = inventory.entries[key]
        guard let unit = declared[key] else {
            guard let entry, let look = looks[entry.spec.unit] else { return [] }
            return givingUp(entry, look)
        }
        guard let look = looks[unit.spec.unit] else { return [] }
        var operations: [UnitOperation] = []
        if let entry, entry.spec.unit != unit.spec.unit, let old = looks[entry.spec.unit] {
            operations += givingUp(entry, old)
        }
        return operations
            + (try SystemdUnits.operations(
                for: unit.spec, seeing: look, isOutdated: !outdated(unit, entry).isEmpty, own: own, now: now))
    }

    /// Nothing for a unit that is declared under another name now.
    private func givingUp(_ entry: UnitInventory.Entry, _ look: UnitLook) -> [UnitOperation] {
        guard !declared.values.contains(where: { $0.spec.unit == entry.spec.unit }) else { return [] }
        return SystemdUnits.operations(givingUp: entry.spec, seeing: look, own: own)
    }
}

/// A unit as a commit declares it, with the digests of what it is restarted for.
package struct DeclaredUnit: Hashable, Sendable {
    package var spec: UnitSpec
    package var digest: String
    package var dependencies: [ResourceKey: String]
    package var keepsOnPrune: Bool

    package init(spec: UnitSpec, digest: String, dependencies: [ResourceKey: String], keepsOnPrune: Bool) {
        self.spec = spec
        self.digest = digest
        self.dependencies = dependencies
        self.keepsOnPrune = keepsOnPrune
    }
}
