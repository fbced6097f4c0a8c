package import Declarations
package import Telemetry

/// Why a unit cannot become what is declared.
package struct UnitPlanError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }
}

/// The operations that make a unit what a spec says, in order; none where it is that already. systemd is reloaded only
/// where files changed, and a running unit restarted only where its drop-in or something in `restartOn` did.
///
/// - Parameter isOutdated: something in `restartOn` changed since the unit was started.
/// - Parameter own: the unit that this process runs in.
package func operations(
    for spec: UnitSpec, seeing look: UnitLook, isOutdated: Bool, own: String?, now: Timestamp
) throws(UnitPlanError) -> [UnitOperation] {
    let unit: String = spec.unit
    guard look.isInstalled else { throw UnitPlanError(description: "\(unit) is not installed on this machine") }
    var operations: [UnitOperation] = []
    let isRewritten: Bool = look.dropIn != DropIn.text(spec.settings) && !isEqual(look.dropIn, spec.settings)
    if isRewritten { operations.append(.settings(unit: unit, spec.settings)) }
    if look.isMasked, spec.enabled == true || spec.state == .running {
        operations.append(.change(.unmask, unit: unit))
    }
    if isRewritten || look.needsReload { operations.append(.reload) }
    if let enabled = spec.enabled, enabled != look.isEnabled {
        guard !enabled || canBeEnabled(look) else {
            throw UnitPlanError(
                description: "\(unit) cannot be enabled: it is \(look.fileState) (it has no [Install] section); "
                    + "leave \"enabled\" out")
        }
        if !(look.isMasked && !enabled) { operations.append(.change(enabled ? .enable : .disable, unit: unit)) }
    }
    switch (spec.state, look.isRunning) {
    case (.running?, false): operations.append(.change(.start, unit: unit))
    case (.stopped?, true):
        guard unit != own else {
            throw UnitPlanError(description: "gitops-sync runs in \(unit) and does not stop itself")
        }
        operations.append(.change(.stop, unit: unit))
    case (.stopped?, false), (nil, false): break
    case (.running?, true), (nil, true):
        if isRewritten || isOutdated || look.isOlderThanDropIn(now: now) {
            operations.append(.change(.restart, unit: unit))
        }
    }
    return operations
}

/// The operations that give up a unit that git no longer declares: its drop-in goes, and what git turned on is turned
/// off. The reconciler's own unit is only let go.
package func operations(givingUp spec: UnitSpec, seeing look: UnitLook, own: String?) -> [UnitOperation] {
    guard look.isInstalled else { return [] }
    let unit: String = spec.unit
    var operations: [UnitOperation] = []
    if look.dropIn != nil { operations.append(.settings(unit: unit, [:])) }
    if look.dropIn != nil || look.needsReload { operations.append(.reload) }
    guard unit != own else { return operations }
    if spec.enabled == true, look.isEnabled { operations.append(.change(.disable, unit: unit)) }
    if spec.state == .running, look.isRunning { operations.append(.change(.stop, unit: unit)) }
    return operations
}

private func canBeEnabled(_ look: UnitLook) -> Bool {
    look.isMasked || ["disabled", "enabled-runtime", "linked", "linked-runtime"].contains(look.fileState)
}

/// Whether a drop-in says the same, however it is written: comments and blank lines are nobody's business.
private func isEqual(_ dropIn: String?, _ settings: [UnitSetting: JSONValue]) -> Bool {
    guard let dropIn, !settings.isEmpty else { return false }
    return DropIn.settings(in: dropIn) == DropIn.settings(in: DropIn.text(settings) ?? "")
}
