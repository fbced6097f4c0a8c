import Declarations
import Runtime
import Synchronization
import SyncDaemon
import Systemd
import SystemdUnits
import Telemetry

/// A machine's units in memory, which do what systemd does with them.
final class InMemoryUnits: UnitHost {
    private struct State {
        var looks: [String: UnitLook]
        var operations: [UnitOperation] = []
        var refused: UnitOperation.Verb?
        var isDown = false
    }

    private let state: Mutex<State>
    let ownUnit: String?

    init(_ units: [String], own: String? = nil) {
        state = Mutex(State(looks: Dictionary(uniqueKeysWithValues: units.map { ($0, UnitLook(unit: $0)) })))
        ownUnit = own
    }

    /// Everything that was done since the last call.
    func takeOperations() -> [String] {
        state.withLock { state in
            defer { state.operations = [] }
            return state.operations.map(\.description)
        }
    }

    func look(_ unit: String) -> UnitLook {
        state.withLock { $0.looks[unit] } ?? UnitLook(unit: unit, loadState: "not-found")
    }
    /// Somebody who is root does something.
    func edit(_ unit: String, _ body: @Sendable (inout UnitLook) -> Void) {
        state.withLock { state in
            guard var look = state.looks[unit] else { return }
            body(&look)
            state.looks[unit] = look
        }
    }
    func refuse(_ verb: UnitOperation.Verb?) { state.withLock { $0.refused = verb } }
    func set(isDown: Bool) { state.withLock { $0.isDown = isDown } }

    func looks(at units: [String]) async throws(SystemdError) -> [UnitLook] {
        if state.withLock({ $0.isDown }) { throw SystemdError("System has not been booted with systemd") }
        return units.map(look)
    }

    func carryOut(_ operation: UnitOperation) async throws(SystemdError) {
        let refusal: SystemdError? = state.withLock { state in
            state.operations.append(operation)
            switch operation {
            case .reload:
                for unit in state.looks.keys { state.looks[unit]?.needsReload = false }
            case .settings(let unit, let settings):
                state.looks[unit]?.dropIn = DropIn.text(settings)
                state.looks[unit]?.dropInChangedAt = settings.isEmpty ? nil : .now()
                state.looks[unit]?.needsReload = true
            case .change(let verb, _) where verb == state.refused: return SystemdError("Job failed")
            case .change(let verb, let unit): state.looks[unit]?.take(verb)
            }
            return nil
        }
        if let refusal { throw refusal }
    }
}

extension UnitLook {
    fileprivate mutating func take(_ verb: UnitOperation.Verb) {
        switch verb {
        case .enable: fileState = "enabled"
        case .disable: fileState = "disabled"
        case .unmask: (loadState, fileState) = ("loaded", "disabled")
        case .start, .restart: (activeState, subState, activeSince) = ("active", "running", .now())
        case .stop: (activeState, subState) = ("inactive", "dead")
        }
    }
}
