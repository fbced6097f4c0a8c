import ConfigAPI
import Declarations
import Reconciliation
import Telemetry

/// The rules of a component's config store as a plain value, as the SQL of `ConfigStore` has them: one generation, an
/// audit log, leases with epochs, answers by request id. A copy of it is a backup.
struct StoreModel {
    struct Row: Hashable {
        var resource: DecodedResource
        var owner: String
        var applied: Applied?
        var source: ResourceSource?
        var changedBy: ChangedBy?
    }

    struct HeldLease: Hashable {
        var holder: String
        var epoch: Int
        var expiresAt: Timestamp
        var acceptedCommit: String?
        /// What people ordered, with its serial.
        var enforcement: JSONValue?
    }

    private(set) var storeId: String
    private(set) var generation = 1
    private(set) var rows: [ResourceKey: Row] = [:]
    private(set) var audit: [AuditEntry] = []
    private(set) var leases: [String: HeldLease] = [:]
    private var requests: [String: ConfigPatch] = [:]
    /// Grows with everything that changes, also past the triggers.
    private(set) var version = 0
    let targets: Set<TargetName>

    init(storeId: String, targets: Set<TargetName>) {
        self.storeId = storeId
        self.targets = targets
    }

    // MARK: Leases

    mutating func lease(_ request: LeaseRequest, now: Timestamp) -> Result<Lease, ConfigConflict> {
        var held: HeldLease
        if let present = leases[request.source] {
            held = present
            let lasts: Bool = present.expiresAt > now
            guard present.holder == request.holder || !lasts else {
                return .failure(conflict("another process holds the lease of source \"\(request.source)\""))
            }
            if present.holder != request.holder || !lasts { held.epoch += 1 }
        } else {
            held = HeldLease(holder: request.holder, epoch: 1, expiresAt: now)
        }
        held.holder = request.holder
        held.expiresAt = now + request.ttl
        held.acceptedCommit = request.acceptedCommit ?? held.acceptedCommit
        if let orders = request.enforcement, orders.serial >= held.enforcement?.serial ?? 0 {
            held.enforcement = orders
        }
        leases[request.source] = held
        return .success(
            Lease(
                source: request.source, epoch: held.epoch, expiresAt: held.expiresAt,
                acceptedCommit: held.acceptedCommit, enforcement: held.enforcement))
    }

    // MARK: Patches

    enum PatchFailure {
        case conflict(ConfigConflict)
        case rejected(ConfigRejection)
    }

    /// What a store leaves unchecked where a defect is planted in it.
    struct Omissions: OptionSet, Sendable {
        let rawValue: Int
        static let epoch = Omissions(rawValue: 1)
        static let generation = Omissions(rawValue: 2)
        static let requestId = Omissions(rawValue: 4)
    }

    /// All of a patch or none of it; gives why it was not taken.
    mutating func apply(
        _ patch: ConfigPatch, by writer: String, now: Timestamp, omitting omissions: Omissions = []
    ) -> PatchFailure? {
        if let known = requests[patch.requestId], !omissions.contains(.requestId) {
            guard known == patch else {
                let item = ConfigRejection.Item(
                    index: 0, kind: "", name: "", path: "/requestId", message: "it was used for another patch")
                return .rejected(ConfigRejection(errors: [item]))
            }
            return nil
        }
        guard patch.storeId == storeId else { return .conflict(conflict("this is another store")) }
        guard patch.generation == generation || omissions.contains(.generation) else {
            return .conflict(conflict("the store is at generation \(generation)"))
        }
        if let epoch = patch.leaseEpoch, !omissions.contains(.epoch) {
            guard let lease = leases[writer] else { return .conflict(conflict("no lease")) }
            guard lease.epoch == epoch else { return .conflict(conflict("the lease is at epoch \(lease.epoch)")) }
            guard lease.expiresAt > now else { return .conflict(conflict("the lease has ended")) }
        }
        let checker = PatchChecker(
            decoder: Vocabulary.decoder, changesPerPatch: 10_000, targets: targets,
            present: rows.mapValues(\.resource), owners: rows.mapValues(\.owner), gitSources: Set(leases.keys))
        switch checker.check(patch, writer: writer) {
        case .failure(let rejection): return .rejected(rejection)
        case .success(let changes):
            let isGit: Bool = patch.revision != nil && patch.leaseEpoch != nil
            let by = ChangedBy(who: writer, at: now, via: isGit ? .git : .api)
            for change in changes { apply(change, revision: patch.revision, by, writer) }
        }
        requests[patch.requestId] = patch
        return nil
    }

    private mutating func apply(
        _ change: PatchChecker.Change, revision: String?, _ changedBy: ChangedBy, _ writer: String
    ) {
        let old: Row? = rows[change.key]
        guard let put = change.put else { return set(change.key, nil, changedBy) }
        let isMine: Bool = put.adopt || old == nil || old?.owner == writer
        let applied = revision.map { Applied(digest: put.resource.resource.digest, revision: $0) }
        set(
            change.key,
            Row(
                resource: put.resource, owner: put.adopt ? writer : old?.owner ?? writer,
                applied: isMine ? applied ?? (revision == nil ? old?.applied : nil) : old?.applied,
                source: isMine && revision != nil ? put.source ?? old?.source : old?.source, changedBy: changedBy),
            changedBy)
    }

    // MARK: By hand

    /// Somebody writes a row with psql: through the triggers, or past them.
    mutating func write(_ key: ResourceKey, _ resource: DecodedResource?, by who: String, at: Timestamp, audited: Bool)
    {
        let changedBy = audited ? ChangedBy(who: who, at: at, via: .sql) : .unaudited
        guard let resource else { return set(key, nil, changedBy, audited: audited) }
        var row: Row = rows[key] ?? Row(resource: resource, owner: who)
        row.resource = resource
        row.changedBy = changedBy
        set(key, row, changedBy, audited: audited)
    }

    private mutating func set(_ key: ResourceKey, _ row: Row?, _ changedBy: ChangedBy, audited: Bool = true) {
        var row: Row? = row
        let old: Row? = rows[key]
        // What is attributed is the last change of the spec.
        if audited, let old, old.resource == row?.resource { row?.changedBy = old.changedBy }
        guard old != row else { return }
        rows[key] = row
        version += 1
        guard audited else { return }
        generation += 1
        audit.append(
            AuditEntry(
                id: audit.count + 1, generation: generation, kind: key.kind.rawValue, name: key.name,
                operation: row == nil ? "delete" : old == nil ? "insert" : "update",
                before: old?.resource.resource.spec, after: row?.resource.resource.spec, changedBy: changedBy))
    }

    // MARK: Whole

    /// Becomes another store with what this backup holds.
    mutating func restore(_ backup: StoreModel, as id: String) {
        let version: Int = version
        self = backup
        storeId = id
        for source in leases.keys { leases[source]?.expiresAt = Timestamp(microseconds: 0) }
        self.version = version + 1
    }

    func conflict(_ message: String) -> ConfigConflict {
        ConfigConflict(storeId: storeId, generation: generation, digest: "", message: message)
    }

    func snapshot(instances: [ConfigSnapshot.Instance]) -> ConfigSnapshot {
        let resources: [StoredResource] = rows.sorted { $0.key < $1.key }.map { key, row in
            StoredResource(
                key: key, spec: row.resource.resource.spec, digest: row.resource.resource.digest, owner: row.owner,
                applied: row.applied, source: row.source, changedBy: row.changedBy)
        }
        return ConfigSnapshot(
            storeId: storeId, generation: generation, digest: "\(version)", instances: instances, resources: resources)
    }
}

extension JSONValue {
    fileprivate var serial: Int { self["serial"]?.integer ?? 0 }
}
