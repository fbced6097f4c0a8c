import ConfigAPI
import Declarations
import GitStore
import Reconciliation
import SyncDaemon
import Telemetry

extension World {
    /// A daemon sends a patch: what people ordered and were answered must allow that.
    func checkOrders(_ patch: ConfigPatch, on name: Component, by incarnation: Incarnation) {
        let daemon: SimulatedDaemon = daemons[incarnation.daemon]
        guard !incarnation.isDead else { return }
        checkMeeting(daemon)
        guard let orders = daemon.orders else { return }
        if orders.suspension != nil {
            violate(.orders, "daemon \(daemon.number) writes to \(name.rawValue) while it is suspended")
        }
        if let pin = orders.pin, patch.revision != pin.commit, !mayFallBack(from: pin) {
            violate(
                .orders,
                "daemon \(daemon.number) writes \(patch.revision?.prefix(8) ?? "no commit"), "
                    + "and \(pin.commit.prefix(8)) is pinned")
        }
        checkTolerations(orders, patch, component(name).store, daemon, incarnation)
    }

    private func checkTolerations(
        _ orders: Enforcement, _ patch: ConfigPatch, _ store: StoreModel, _ daemon: SimulatedDaemon,
        _ incarnation: Incarnation
    ) {
        // What a clock that was set within the run makes of the end of a toleration says nothing.
        guard patch.generation == store.generation, let start = incarnation.runStart, daemon.clockSetAt < start else {
            return
        }
        let tolerated: Set<ResourceKey> = orders.tolerated(at: daemon.time)
        for change in patch.changes {
            guard let key = ResourceKey("\(change.kind)/\(change.name)"), tolerated.contains(key),
                let row = store.rows[key], let applied = row.applied,
                row.resource.resource.digest != applied.digest, row.owner == SimulatedTarget.writer,
                case .put(let spec) = change.operation, spec != row.resource.resource.spec
            else { continue }
            violate(.orders, "daemon \(daemon.number) corrects \(key), which is tolerated")
        }
    }

    /// Whether a guard may hold up the pinned commit, so that the accepted one stays.
    private func mayFallBack(from pin: Enforcement.Pin) -> Bool { pin.permissions.isEmpty }

    private func checkMeeting(_ daemon: SimulatedDaemon) {
        guard checks.isMeeting else { return }
        if component(.server).rowsOfOthers == 0 || daemon.mayBegin {
            checks.isMeeting = false
        } else {
            violate(.meeting, "daemon \(daemon.number) writes to a store in use before anybody said so")
        }
    }
}

extension SimulatedComponent {
    var rowsOfOthers: Int { store.rows.values.count { $0.owner != SimulatedTarget.writer } }
}
