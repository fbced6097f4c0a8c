import ConfigAPI
import Declarations
import Reconciliation
import SystemdUnits
import Telemetry

/// A run that found everything in sync, and what it found that upon: while none of that moves, there is nothing to
/// compare and nothing to plan.
struct QuietRun {
    var revision: String
    var mode: RunMode
    var inventory: Inventory
    var proxyInventory: Inventory
    var unitInventory: UnitInventory
    var tolerated: Set<ResourceKey>
    var server: ConfigSnapshot
    var proxy: ConfigSnapshot?
    var units: ConfigSnapshot?
    var comparison: Comparison
    var plan: Plan
}

extension Reconciler {
    /// Remembers a run in which nothing was to be done.
    func noteQuiet(_ comparison: Comparison, _ plan: Plan, _ live: LiveState, _ run: RunInProgress) {
        quiet = nil
        guard let server = live.server.value, live.isWhole, !run.isNew, !run.isHeld, !isMeeting, plan.isQuiet else {
            return
        }
        quiet = QuietRun(
            revision: comparison.revision, mode: plan.mode, inventory: state.inventory,
            proxyInventory: state.proxyInventory, unitInventory: state.units,
            tolerated: orders.tolerated(at: dependencies.now()),
            server: server, proxy: live.proxy?.value, units: live.units?.value, comparison: comparison, plan: plan)
    }

    /// The comparison and the plan of this run without comparing, where they can only be those of the last one.
    /// Collections that nobody touched are compared by their identity, so that this costs the same whatever they hold.
    func unchanged(_ live: LiveState, _ run: RunInProgress) -> (Comparison, Plan)? {
        guard let quiet, let server = live.server.value, live.isWhole, !run.isNew, !run.isHeld, !isMeeting,
            quiet.revision == run.commit?.declared?.revision, quiet.mode == mode,
            quiet.tolerated == orders.tolerated(at: dependencies.now()), quiet.unitInventory == state.units,
            quiet.units?.resources == live.units?.value?.resources,
            quiet.inventory == state.inventory, quiet.proxyInventory == state.proxyInventory,
            server.holds(quiet.server),
            live.proxy?.value.map({ proxy in quiet.proxy.map(proxy.holds) ?? false })
                ?? (quiet.proxy == nil)
        else { return nil }
        var comparison: Comparison = quiet.comparison
        comparison.update(from: live, context: comparisonContext())
        guard comparison.agents.allSatisfy(\.differences.isEmpty) else { return nil }
        // What was read as a whole again is equal and another copy: the next look compares with that.
        self.quiet?.server = server
        self.quiet?.proxy = live.proxy?.value
        return (comparison, quiet.plan)
    }
}

extension Plan {
    /// Whether there is nothing to do, nothing to say and nothing to refuse.
    fileprivate var isQuiet: Bool { steps.isEmpty && resyncs.isEmpty && refusals.isEmpty }
}

extension LiveState {
    /// Whether everything answered.
    fileprivate var isWhole: Bool {
        if case .unreachable? = proxy { return false }
        if case .unreachable? = units { return false }
        return server.value != nil && agents.value != nil
    }
}

extension ConfigSnapshot {
    fileprivate func holds(_ other: ConfigSnapshot) -> Bool {
        storeId == other.storeId && generation == other.generation && resources == other.resources
    }
}
