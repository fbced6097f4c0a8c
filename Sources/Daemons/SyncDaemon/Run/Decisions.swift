package import Reconciliation

/// The two pure functions that decide a run. Handed in, so that a simulation can put a wrong one in their place and show
/// that it is found.
package struct Decisions: Sendable {
    package var compare: @Sendable (DeclaredState, Inventory, Inventory, LiveState, ComparisonContext) -> Comparison
    package var plan: @Sendable (Comparison, PlanContext) -> Plan

    package static let standard = Decisions(
        compare: { declared, inventory, proxyInventory, live, context in
            Reconciliation.compare(
                declared: declared, inventory: inventory, proxyInventory: proxyInventory, live: live, context: context)
        },
        plan: { Reconciliation.plan($0, context: $1) })
}
