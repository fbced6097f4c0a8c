import Declarations
import Reconciliation

/// What commits allow reaches beyond the run that accepts them: the proxy and the units of this machine may get their part
/// later.
extension Reconciler {
    private static let laterTargets: [TargetName] = [.proxy, .systemd]

    /// Remembers what an accepted commit allows until each target has its part. What earlier ones allowed there goes on
    /// counting as long as the same is declared: they did not speak of what a later one drops.
    func owe(_ run: RunInProgress) {
        for target in Self.laterTargets where has(target) {
            let isSame: Bool = keys(of: run.previous, on: target) == keys(of: run.commit?.declared, on: target)
            let owed: Set<Permission> = run.permissions.union(isSame ? state.owed[target] ?? [] : [])
            state.owed[target] = owed.isEmpty ? nil : owed
        }
    }

    private func keys(of declared: DeclaredState?, on target: TargetName) -> Set<ResourceKey> {
        Set(declared?.resources.keys.filter { $0.kind.target.store == target } ?? [])
    }

    private func has(_ target: TargetName) -> Bool {
        target == .proxy ? dependencies.proxy != nil : dependencies.units != nil
    }

    /// Forgets it for targets that were seen to have nothing left to do.
    func settle(_ rest: Plan, seen: (TargetName) -> Bool) {
        for target in Self.laterTargets where state.owed[target] != nil {
            let isDone: Bool = !rest.steps.contains { $0.target == target && $0.treatment.isOpen }
            if isDone, seen(target) { state.owed[target] = nil }
        }
    }

    /// The permissions that a plan was made with: those of its commits, and what is owed to the targets that it changes.
    func permissionsUsed(_ plan: Plan, _ run: RunInProgress) -> Set<Permission> {
        Self.laterTargets.filter { !plan.storeSteps(on: $0).isEmpty }.reduce(into: run.permissions) { all, target in
            all.formUnion(state.owed[target] ?? [])
        }
    }
}

extension Step.Treatment {
    /// Whether the step is still to be carried out, or would be if it were allowed. What is tolerated is not: a trailer does
    /// not reach that far.
    fileprivate var isOpen: Bool {
        switch self {
        case .apply, .refuse, .leave(.observe): true
        case .leave, .ignore: false
        }
    }
}
