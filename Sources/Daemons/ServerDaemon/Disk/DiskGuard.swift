import Synchronization
import Telemetry

/// What this server knows of the database's disk, for whoever is about to write.
package final class DiskGuard: Sendable {
    enum Knowledge: Hashable, Sendable {
        /// Why it is not known.
        case unknown(String)
        case space(DiskSpace)
    }

    private struct State {
        var knowledge: Knowledge = .unknown("not looked at yet")
        var floor: DiskFloor
    }

    private let state: Mutex<State>

    init(patience: PromDuration) { state = Mutex(State(floor: DiskFloor(patience: patience))) }

    var knowledge: Knowledge { state.withLock { $0.knowledge } }

    /// Takes what was found; whether it made a difference to who may write.
    func observe(_ knowledge: Knowledge, declared: Int?, at now: Timestamp) -> Bool {
        state.withLock { state in
            let before: Bool = state.floor.isReached
            state.knowledge = knowledge
            state.floor.declared = declared
            // What is not known any more refuses nobody anew, and lets nobody in.
            if case .space(let space) = knowledge { state.floor.observe(space, at: now) }
            return state.floor.isReached != before
        }
    }

    /// Why nothing more is taken in; nil where it is.
    var refusal: String? {
        state.withLock { state in
            guard state.floor.isReached else { return nil }
            guard case .space(let space) = state.knowledge else {
                return "the database's disk was nearly full, and what is free now is not known: nothing is taken in"
            }
            return """
                the database's disk is nearly full (\(Self.text(space.free)) free): nothing is taken in until \
                \(Self.text(state.floor.reopening(space))) are free. Make room, or shorten a Retention
                """
        }
    }

    /// `1.5 GiB`.
    static func text(_ bytes: Int) -> String {
        let units: [(name: String, bytes: Int)] = [
            ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ]
        guard let unit = units.first(where: { bytes >= $0.bytes }) else { return "\(bytes) B" }
        let tenths: Int = bytes / unit.bytes * 10 + bytes % unit.bytes * 10 / unit.bytes
        return "\(tenths / 10).\(tenths % 10) \(unit.name)"
    }
}
