import ConfigAPI
package import Declarations
package import Reconciliation

/// The units that this reconciler took on, remembered on its own machine: systemd does not know whose a unit is. Where
/// it is lost, units that git no longer declares stay as they are.
package struct UnitInventory: Hashable, Sendable, JSONCodable {
    package var entries: [ResourceKey: Entry]

    package static let empty = UnitInventory(entries: [:])

    package struct Entry: Hashable, Sendable {
        /// The digest of what was last carried out; empty where an attempt failed half-way.
        package var digest: String
        package var revision: String
        package var keepsOnPrune: Bool
        /// What was last carried out, or tried.
        package var spec: UnitSpec
        /// The digests that the resources in `restartOn` had when the unit was last started.
        package var startedWith: [ResourceKey: String]

        package init(
            digest: String, revision: String, keepsOnPrune: Bool, spec: UnitSpec, startedWith: [ResourceKey: String]
        ) {
            self.digest = digest
            self.revision = revision
            self.keepsOnPrune = keepsOnPrune
            self.spec = spec
            self.startedWith = startedWith
        }
    }

    package init(entries: [ResourceKey: Entry]) { self.entries = entries }

    /// The names of all units in it.
    package var units: [String] { entries.values.map(\.spec.unit) }

    /// The part of it that comparing needs.
    package var plain: Inventory {
        Inventory(
            storeId: LiveUnits.storeId,
            entries: entries.mapValues { Inventory.Entry(digest: $0.digest, revision: $0.revision) },
            kept: Set(entries.filter(\.value.keepsOnPrune).keys))
    }

    /// Notes how an attempt at a unit ended; nil for `unit`: it was given up.
    package mutating func note(_ key: ResourceKey, _ unit: DeclaredUnit?, revision: String, succeeded: Bool) {
        guard let unit else {
            if succeeded { entries[key] = nil }
            return
        }
        let before: Entry? = entries[key]
        entries[key] = Entry(
            digest: succeeded ? unit.digest : "", revision: revision, keepsOnPrune: unit.keepsOnPrune, spec: unit.spec,
            startedWith: succeeded ? unit.dependencies : before?.startedWith ?? [:])
    }

    /// The inventory after a look that nothing was changed by: annotations and new references are taken over, and what
    /// is neither declared nor there any more is dropped.
    package func updated(from live: LiveUnits) -> UnitInventory {
        let present = Set(live.snapshot.resources.map(\.key))
        var next: UnitInventory = self
        for (key, entry) in entries {
            guard let unit = live.declared[key] else {
                if !present.contains(key) { next.entries[key] = nil }
                continue
            }
            next.entries[key]?.keepsOnPrune = unit.keepsOnPrune
            next.entries[key]?.startedWith = unit.dependencies.merging(entry.startedWith) { _, known in known }
                .filter { unit.dependencies[$0.key] != nil }
        }
        return next
    }

    package init(json: JSONValue) throws(JSONFormError) {
        entries = [:]
        for item in try JSONObjectReader(json).array("entries") {
            let reader = try JSONObjectReader(item, path: "/entries")
            guard let key = ResourceKey(try reader.string("resource")) else { continue }
            let decoder = ResourceDecoder(sha256: { _ in [] })
            let decoded = decoder.resource(kind: .unit, name: key.name, spec: try reader.required("spec"))
            // A spec that this version does not know any more: as if the unit had never been taken on.
            guard case .success(let resource) = decoded, case .unit(let spec) = resource.spec else { continue }
            var startedWith: [ResourceKey: String] = [:]
            for (name, digest) in try reader.stringMap("startedWith") {
                if let key = ResourceKey(name) { startedWith[key] = digest }
            }
            entries[key] = Entry(
                digest: try reader.string("digest"), revision: try reader.string("revision"),
                keepsOnPrune: try reader.bool("keepsOnPrune", default: false), spec: spec, startedWith: startedWith)
        }
    }

    package var json: JSONValue {
        let items: [JSONValue] = entries.sorted { $0.key < $1.key }.map { key, entry in
            let startedWith = entry.startedWith.map { ($0.key.description, JSONValue.string($0.value)) }
            return [
                "resource": .string(key.description), "digest": .string(entry.digest),
                "revision": .string(entry.revision), "keepsOnPrune": .bool(entry.keepsOnPrune),
                "spec": entry.spec.json, "startedWith": .object(Dictionary(uniqueKeysWithValues: startedWith)),
            ]
        }
        return ["entries": .array(items)]
    }
}

extension UnitSpec {
    /// The spec as a manifest has it.
    package var json: JSONValue {
        let members = Dictionary(uniqueKeysWithValues: settings.map { ($0.key.rawValue, $0.value) })
        return .object(compacting: [
            "unit": .string(unit), "enabled": enabled.map(JSONValue.bool), "state": state.map { .string($0.rawValue) },
            "settings": members.isEmpty ? nil : .object(members),
            "restartOn": restartOn.isEmpty ? nil : .array(restartOn.map { .string($0.description) }),
        ])
    }
}
