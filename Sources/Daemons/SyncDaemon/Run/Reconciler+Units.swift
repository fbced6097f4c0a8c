import ConfigAPI
import ConfigAPIClient
import Declarations
import Reconciliation
import Runtime
import Systemd
import SystemdUnits
import Telemetry

extension Reconciler {
    /// The units that are or were declared, in the form of a store; nil where there never was one.
    func observeUnits(declared: DeclaredState) async -> Observed<ConfigSnapshot>? {
        let wanted: [ResourceKey: DeclaredUnit] = units(in: declared)
        seenUnits = nil
        guard !wanted.isEmpty || state.units != .empty else { return nil }
        switch await look(at: wanted) {
        case .success(let live):
            seenUnits = live
            return .present(live.snapshot)
        case .failure(let error): return .unreachable(reason: error.description)
        }
    }

    /// The units that this reconciler holds to git.
    var watchedUnits: [String] { state.units.units }

    /// Carries the steps of units out, one unit after the other. What fails at one is said of it alone, and the next run
    /// tries again.
    func applyToUnits(_ plan: Plan, _ run: inout RunInProgress) async {
        let steps: [Int] = plan.steps.indices.filter {
            plan.steps[$0].target == .systemd && plan.steps[$0].treatment == .apply
        }
        guard !steps.isEmpty, let host = dependencies.units, let declared = run.commit?.declared else { return }
        let wanted: [ResourceKey: DeclaredUnit] = units(in: declared)
        // Its own unit last: restarting that ends this run.
        let (own, others) = (
            steps.filter { isOwn(plan.steps[$0], wanted) }, steps.filter { !isOwn(plan.steps[$0], wanted) }
        )
        noteDeletions(of: steps.map { plan.steps[$0] })
        for index in others + own {
            guard let key = plan.steps[index].key else { continue }
            if let objection = objection(to: run) ?? ignorance() {
                run.report.changes[index].result = .unverified
                run.report.changes[index].error = objection.description
                continue
            }
            let startedAt: Timestamp = dependencies.now()
            let error: SystemdError? = await carryOut(key, wanted, revision: plan.revision, on: host)
            run.report.changes[index].milliseconds = Int((dependencies.now() - startedAt).milliseconds)
            state.units.note(key, wanted[key], revision: plan.revision, succeeded: error == nil)
            if let error {
                run.report.changes[index].result = error.isUnknown ? .unverified : .failed
                run.report.changes[index].error = error.description
            }
        }
    }

    /// What is remembered of units that nothing was done about. By now they have been looked at once more.
    func noteUnits() {
        if let seenUnits { state.units = state.units.updated(from: seenUnits) }
    }

    /// Nil where all of it was done. Each unit is looked at anew: operations of another may have changed it.
    private func carryOut(
        _ key: ResourceKey, _ wanted: [ResourceKey: DeclaredUnit], revision: String, on host: any UnitHost
    ) async -> SystemdError? {
        switch await look(at: wanted) {
        case .failure(let error): return error
        case .success(let live):
            let operations: [UnitOperation]
            do throws(UnitPlanError) { operations = try live.operations(for: key) } catch {
                return SystemdError(error.description)
            }
            for operation in operations {
                // So that a restart of this very process finds what it was about.
                if operation.unit == host.ownUnit, case .change(.restart, _) = operation {
                    state.units.note(key, wanted[key], revision: revision, succeeded: true)
                    try? persistState()
                }
                do throws(SystemdError) { try await host.carryOut(operation) } catch { return error }
            }
            return nil
        }
    }

    private func look(at wanted: [ResourceKey: DeclaredUnit]) async -> Result<LiveUnits, SystemdError> {
        guard let host = dependencies.units else {
            return .failure(SystemdError("units are declared, and this process has no way to them"))
        }
        let names: [String] = Set(wanted.values.map(\.spec.unit) + state.units.units).sorted()
        do throws(SystemdError) {
            let looks: [UnitLook] = try await host.looks(at: names)
            return .success(
                LiveUnits(
                    declared: wanted, inventory: state.units,
                    looks: Dictionary(looks.map { ($0.unit, $0) }) { first, _ in first }, source: configuration.source,
                    own: host.ownUnit, now: dependencies.now(), decoder: dependencies.decoder))
        } catch { return .failure(error) }
    }

    private func units(in declared: DeclaredState) -> [ResourceKey: DeclaredUnit] {
        var units: [ResourceKey: DeclaredUnit] = [:]
        for declaration in declared.declarations(of: .unit) {
            guard case .unit(let spec) = declaration.typedSpec else { continue }
            var dependencies: [ResourceKey: String] = [:]
            for reference in spec.restartOn { dependencies[reference] = declared.resources[reference]?.digest }
            units[declaration.key] = DeclaredUnit(
                spec: spec, digest: declaration.digest, dependencies: dependencies,
                keepsOnPrune: declaration.annotations.keepsOnPrune)
        }
        return units
    }

    private func isOwn(_ step: Step, _ wanted: [ResourceKey: DeclaredUnit]) -> Bool {
        guard let key = step.key, let own = dependencies.units?.ownUnit else { return false }
        return wanted[key]?.spec.unit == own
    }
}
