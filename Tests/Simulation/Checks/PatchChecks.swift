import ConfigAPI
import Declarations
import GitStore
import Reconciliation
import Telemetry

/// A patch as it left a daemon: what is on its way is judged by what was known and ordered then.
struct SentPatch {
    var patch: ConfigPatch
    var daemon: Int
    var at: Duration
    /// What people had ordered of the daemon; nil where nobody can know.
    var orders: Enforcement?
}

extension World {
    /// A daemon's patch was taken by a store that was `before`.
    func patchApplied(_ sent: SentPatch, before: StoreModel, on name: Component) {
        guard component(name).store.version != before.version else { return }
        let patch: ConfigPatch = sent.patch
        let daemon: Int = sent.daemon
        trace("daemon \(daemon) writes \(patch.changes.count) changes to \(name.rawValue)")
        checkWriter(patch, before: before, on: name, by: daemon)
        guard let id = patch.revision.flatMap(ObjectID.init(hex:)), let commit = remote.commits[id] else {
            return violate(.history, "daemon \(daemon) wrote for \(patch.revision ?? "no commit"), which nobody pushed")
        }
        let pin: Enforcement.Pin? = sent.orders?.pin
        let isPinned: Bool = sent.orders == nil || pin?.commit == commit.id.hex
        if !isPinned { checkHistory(commit, by: daemon, after: lastAccepted(before: sent, on: name)) }
        let deleted: [ResourceKey] = patch.changes.filter { $0.operation == .delete }.compactMap {
            ResourceKey("\($0.kind)/\($0.name)")
        }
        for key in deleted { checkDeletion(of: key, commit, before, by: daemon) }
        if !isPinned || pin?.permissions.isEmpty ?? false {
            checkGuard(deleted, patch, commit, before, on: name, by: daemon)
        }
        if name == .proxy, !isPinned { checks.writtenToProxy = commit.id }
    }

    private func checkWriter(_ patch: ConfigPatch, before: StoreModel, on name: Component, by daemon: Int) {
        guard let lease = before.leases[SimulatedTarget.writer], let epoch = patch.leaseEpoch else {
            return violate(.oneWriter, "daemon \(daemon) wrote to \(name.rawValue) without a lease")
        }
        guard lease.holder == daemons[daemon].holder, lease.epoch == epoch, lease.expiresAt > serverTime else {
            return violate(
                .oneWriter,
                "daemon \(daemon) wrote to \(name.rawValue) under epoch \(epoch) while \(lease.holder) has epoch "
                    + "\(lease.epoch) until \(lease.expiresAt)")
        }
        guard patch.generation == before.generation, patch.storeId == before.storeId else {
            return violate(
                .oneWriter,
                "daemon \(daemon) planned for generation \(patch.generation) and wrote upon \(before.generation)")
        }
    }

    /// The commit that a patch must contain. What is accepted is known by the server, whose lease its daemon holds; the
    /// proxy's lease may still be another daemon's, who learns of the commit when it asks the server next.
    private func lastAccepted(before sent: SentPatch, on name: Component) -> ObjectID? {
        checks.accepted.last { name == .server || $0.daemon == sent.daemon || $0.at <= sent.at }?.id
    }

    private func checkHistory(_ commit: SimulatedCommit, by daemon: Int, after last: ObjectID?) {
        if let fault = commit.fault {
            return violate(.history, "daemon \(daemon) enforces \(commit.id.short), which is not valid (\(fault))")
        }
        guard let last, !remote.isDescendant(commit.id, of: last),
            !permitted.contains(where: { remote.isDescendant(commit.id, of: $0) })
        else { return }
        violate(
            .history,
            "daemon \(daemon) enforces \(commit.id.short), which does not contain \(last.short), accepted before")
    }

    private func checkDeletion(of key: ResourceKey, _ commit: SimulatedCommit, _ before: StoreModel, by daemon: Int) {
        if commit.entries[key] != nil {
            return violate(.deletion, "daemon \(daemon) deleted \(key), which \(commit.id.short) declares")
        }
        if let owner = before.rows[key]?.owner, owner != SimulatedTarget.writer {
            return violate(.deletion, "daemon \(daemon) deleted \(key) of \(owner)")
        }
        // The last manifest that was enforced, where this daemon still can know of it.
        let last: Entry? = checks.enforced.last { $0 != commit.id && remote.commits[$0]?.entries[key] != nil }
            .flatMap { remote.commits[$0]?.entries[key] }
        guard last?.isKept == true, checks.lostState[daemon] == nil, daemons.count == 1 else { return }
        violate(.deletion, "daemon \(daemon) deleted \(key), whose last manifest said plumbline/prune: keep")
    }

    private func checkGuard(
        _ deleted: [ResourceKey], _ patch: ConfigPatch, _ commit: SimulatedCommit, _ before: StoreModel,
        on name: Component, by daemon: Int
    ) {
        let created: [(ResourceKind, JSONValue)] = patch.changes.compactMap { change in
            guard case .put(let spec) = change.operation, let key = ResourceKey("\(change.kind)/\(change.name)"),
                before.rows[key] == nil
            else { return nil }
            return (key.kind, spec)
        }
        let lost: [ResourceKey] = deleted.filter { key in
            !created.contains { $0.0 == key.kind && $0.1 == before.rows[key]?.resource.resource.spec }
        }
        let now: Duration = timeline.now
        let known: Duration = checks.lostState[daemon] ?? .zero
        for (kind, keys) in Dictionary(grouping: lost, by: \.kind).sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            // A resource that was deleted, came back and is deleted again is one that was lost.
            let earlier = Set(
                checks.deletions.filter {
                    $0.component == name && $0.daemon == daemon && $0.key.kind == kind && $0.at >= known
                }.map(\.key))
            let owned: Int = before.rows.count { $0.key.kind == kind && $0.value.owner == SimulatedTarget.writer }
            let allowed: Int = max(3, min(10, (owned + earlier.count) * 20 / 100))
            if earlier.union(keys).count > allowed, !isPermitted(commit, on: name, by: daemon) {
                violate(
                    .deletionGuard,
                    "daemon \(daemon) deleted \(keys) after \(earlier.sorted()) within the hour; \(allowed) are allowed"
                )
            }
        }
        checks.deletions += lost.map { (now, name, daemon, $0) }
    }

    /// After a store or a state directory went back: what neither remembers any more binds nobody.
    func forgetWhatNobodyRemembers() {
        let anchor: String? = component(.server).store.leases[SimulatedTarget.writer]?.acceptedCommit
        let known: Set<ObjectID> = Set(
            daemons.compactMap(\.acceptedCommit) + [anchor.flatMap(ObjectID.init(hex:))].compactMap { $0 })
        while let last = checks.accepted.last?.id, !known.contains(last) { checks.accepted.removeLast() }
    }

    /// Whether a commit of (what was accepted before, this one] has the trailer: before anything was accepted, of what came
    /// since a store in use was met, and for the proxy, which may get its part later, since it was written to last.
    private func isPermitted(_ commit: SimulatedCommit, on name: Component, by daemon: Int) -> Bool {
        if commit.isPermitted { return true }
        let accepted: ObjectID? = checks.accepted.last { $0.id != commit.id }?.id
        if accepted == nil, let met = daemons[daemon].metCommit.flatMap({ remote.commits[$0] }), met.isPermitted,
            remote.isDescendant(commit.id, of: met.id)
        {
            return true
        }
        let before: ObjectID? =
            name == .proxy ? checks.writtenToProxy : accepted ?? daemons[daemon].metCommit
        if name == .server, before == nil { return false }
        if let before, !remote.isDescendant(commit.id, of: before) { return false }
        return remote.commits(after: before, through: commit.id).contains(where: \.isPermitted)
    }

    /// A store gave a lease; with it a daemon may say which commit it accepted.
    ///
    /// - Parameter isLate: its sender waits no longer, and may have accepted another commit since.
    func leaseGranted(_ request: LeaseRequest, _ lease: Lease, by name: Component, to daemon: Int, isLate: Bool) {
        daemons[daemon].holder = request.holder
        if let grant = checks.grants[name], grant.daemon != daemon, grant.until > serverTime {
            violate(.oneWriter, "daemon \(daemon) got the lease of \(name.rawValue) that \(grant.daemon) still had")
        }
        checks.grants[name] = (daemon, lease.expiresAt)
        guard name == .server, !isLate, let id = request.acceptedCommit.flatMap(ObjectID.init(hex:)) else { return }
        guard let commit = remote.commits[id] else {
            return violate(.history, "daemon \(daemon) accepted \(id.short), which nobody pushed")
        }
        checkHistory(commit, by: daemon, after: checks.accepted.last?.id)
        guard checks.accepted.last?.id != id else { return }
        trace("daemon \(daemon) accepted \(id.short)")
        checks.accepted.append(Checks.Acceptance(id: id, daemon: daemon, at: timeline.now))
        checks.note(enforced: id)
    }
}
