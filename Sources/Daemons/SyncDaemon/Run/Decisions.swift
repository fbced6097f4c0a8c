package import Reconciliation
import SystemdUnits

/// The two pure functions that decide a run. Handed in, so that a simulation can put a wrong one in their place and show
/// that it is found.
package struct Decisions: Sendable {
    package var compare: @Sendable (DeclaredState, Inventories, LiveState, ComparisonContext) -> Comparison
    package var plan: @Sendable (Comparison, PlanContext) -> Plan

    package static let standard = Decisions(
        compare: { declared, inventories, live, context in
            Reconciliation.compare(
                declared: declared, inventory: inventories.server, proxyInventory: inventories.proxy,
                unitInventory: inventories.units, live: live, context: context)
        },
        plan: { Reconciliation.plan($0, context: $1) })
}

/// What was applied, by where it is held.
package struct Inventories: Hashable, Sendable {
    package var server: Inventory
    package var proxy: Inventory
    package var units: Inventory
}

extension Reconciler {
    func compared(_ declared: DeclaredState, with live: LiveState) -> Comparison {
        dependencies.decisions.compare(
            declared,
            Inventories(server: state.inventory, proxy: state.proxyInventory, units: state.units.plain), live,
            comparisonContext())
    }
}
