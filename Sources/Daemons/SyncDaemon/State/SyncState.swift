package import Declarations
package import Reconciliation
package import Runtime
package import SystemdUnits
package import Telemetry

/// What gitops-sync remembers between runs and restarts.
package struct SyncState: Hashable, Sendable, JSONCodable {
    /// The commit that is enforced.
    package var acceptedCommit: String?
    /// The head of the branch when it was last fetched.
    package var head: String?
    /// A commit that may be taken although it does not descend from the accepted one, and why.
    package var permittedRewrite: PermittedRewrite?
    package var inventory: Inventory
    /// The store's generation when it was last read; the audit log is read from there.
    package var generation: Int
    /// The same two of the proxy's store.
    package var proxyInventory: Inventory = .empty
    package var proxyGeneration = 0
    /// The units of this machine that were taken on.
    package var units: UnitInventory = .empty
    /// Deletions of the last hour; the guard counts them.
    package var deletions: [Deletion]
    /// What accepted commits allow on targets that have not got their part yet.
    package var owed: [TargetName: Set<Permission>] = [:]
    /// Nil where the store was never met, or was empty then.
    package var firstMeeting: FirstMeeting?
    /// Drifts that are not over, and what the server has not got of the ledger.
    package var ledger: DriftLedger = .empty
    /// What was corrected again and again.
    package var corrections: CorrectionHistory = .empty

    package static let initial = SyncState(
        acceptedCommit: nil, head: nil, permittedRewrite: nil, inventory: .empty, generation: 0, deletions: [])

    package struct PermittedRewrite: Hashable, Sendable {
        package var commit: String
        package var reason: String

        package init(commit: String, reason: String) {
            self.commit = commit
            self.reason = reason
        }
    }

    package struct Deletion: Hashable, Sendable {
        package var key: ResourceKey
        package var at: Timestamp
        /// Nil where an earlier version wrote it.
        package var uptime: Uptime?

        /// By the time of day only where the machine was started again since: that time can be set.
        fileprivate func isRecent(_ now: Timestamp, _ uptime: Uptime) -> Bool {
            let age: Duration = self.uptime.flatMap(uptime.since) ?? (now - at).duration
            return age < .seconds(3600)
        }
    }

    package init(
        acceptedCommit: String?, head: String?, permittedRewrite: PermittedRewrite?, inventory: Inventory,
        generation: Int, deletions: [Deletion]
    ) {
        self.acceptedCommit = acceptedCommit
        self.head = head
        self.permittedRewrite = permittedRewrite
        self.inventory = inventory
        self.generation = generation
        self.deletions = deletions
    }

    /// What was deleted within the hour before `now`.
    package func recentDeletions(now: Timestamp, uptime: Uptime) -> Set<ResourceKey> {
        Set(deletions.filter { $0.isRecent(now, uptime) }.map(\.key))
    }

    package mutating func noteDeletions(_ keys: [ResourceKey], at now: Timestamp, uptime: Uptime) {
        deletions.removeAll { !$0.isRecent(now, uptime) || keys.contains($0.key) }
        deletions += keys.map { Deletion(key: $0, at: now, uptime: uptime) }
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        acceptedCommit = try reader.optionalString("acceptedCommit")
        head = try reader.optionalString("head")
        if let rewrite = reader.optional("permittedRewrite") {
            let nested = try JSONObjectReader(rewrite, path: "/permittedRewrite")
            permittedRewrite = PermittedRewrite(
                commit: try nested.string("commit"), reason: try nested.string("reason"))
        }
        inventory = try reader.optionalValue("inventory") ?? .empty
        generation = try reader.optionalInteger("generation") ?? 0
        proxyInventory = try reader.optionalValue("proxyInventory") ?? .empty
        proxyGeneration = try reader.optionalInteger("proxyGeneration") ?? 0
        firstMeeting = try reader.optionalValue("firstMeeting")
        units = try reader.optionalValue("units") ?? .empty
        // Without these two nothing is enforced otherwise: a form of another version must not keep the daemon from
        // starting.
        ledger = (try? reader.optionalValue("ledger")) ?? .empty
        corrections = (try? reader.optionalValue("corrections")) ?? .empty
        for target in TargetName.allCases {
            let names: [String] = reader.optional("owed")?[target.rawValue]?.array?.compactMap(\.string) ?? []
            if !names.isEmpty { owed[target] = Set(names.compactMap(Permission.init)) }
        }
        deletions = []
        for item in try reader.array("deletions") {
            let nested = try JSONObjectReader(item, path: "/deletions")
            // Without a name it was written by an earlier version.
            let key = ResourceKey(try nested.choice("kind"), try nested.optionalString("name") ?? "")
            let uptime: Uptime? = try nested.optionalString("boot").map { boot throws(JSONFormError) in
                Uptime(boot: boot, elapsed: .milliseconds(try nested.integer("uptimeMilliseconds")))
            }
            deletions.append(Deletion(key: key, at: try nested.time("at"), uptime: uptime))
        }
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = membersBesideInventory
        members["inventory"] = inventory.json
        return .object(members)
    }

    /// Never empty.
    var membersBesideInventory: [String: JSONValue] {
        let members: [String: JSONValue?] = [
            "version": 1, "acceptedCommit": acceptedCommit.map(JSONValue.string), "head": head.map(JSONValue.string),
            "permittedRewrite": permittedRewrite.map {
                ["commit": .string($0.commit), "reason": .string($0.reason)]
            },
            "generation": .integer(generation),
            "proxyInventory": proxyInventory == .empty ? nil : proxyInventory.json,
            "proxyGeneration": proxyGeneration == 0 ? nil : .integer(proxyGeneration),
            "firstMeeting": firstMeeting?.json,
            "units": units == .empty ? nil : units.json,
            "owed": owed.isEmpty ? nil : owed.json,
            "ledger": ledger == .empty ? nil : ledger.json,
            "corrections": corrections == .empty ? nil : corrections.json,
            "deletions": .array(deletions.map(\.json)),
        ]
        return members.compactMapValues { $0 }
    }
}

extension [TargetName: Set<Permission>] {
    fileprivate var json: JSONValue {
        .object(
            [String: JSONValue](
                uniqueKeysWithValues: map { target, permissions in
                    (target.rawValue, .array(permissions.map(\.rawValue).sorted().map(JSONValue.string)))
                }))
    }
}

extension SyncState.Deletion {
    fileprivate var json: JSONValue {
        .object(compacting: [
            "kind": .string(key.kind.rawValue), "name": .string(key.name), "at": .time(at),
            "boot": uptime.map { .string($0.boot) },
            "uptimeMilliseconds": uptime.map { .integer(Int($0.elapsed / .milliseconds(1))) },
        ])
    }
}
