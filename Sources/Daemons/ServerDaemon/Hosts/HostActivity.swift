package import Runtime
import Synchronization
package import Telemetry

/// When each host was heard of last, in this process.
///
/// Ingest calls ``seen(_:)`` as soon as the credential is verified, before anything is stored: a database that refuses
/// rows must not make hosts look down. Nothing here waits; ``AgentKeeper`` brings it to the database.
package final class HostActivity: Sendable {
    private struct State {
        var lastSeen: [String: Timestamp] = [:]
        /// Heard of since the last hand-over.
        var fresh: Set<String> = []
    }

    private let state = Mutex(State())
    private let clock: WallClock

    package init(clock: @escaping WallClock) { self.clock = clock }

    /// The host has just been heard of.
    package func seen(_ host: String) {
        let now: Timestamp = clock()
        state.withLock {
            $0.lastSeen[host] = now
            $0.fresh.insert(host)
        }
    }

    /// When each host was heard of last by this process.
    package var lastSeen: [String: Timestamp] { state.withLock { $0.lastSeen } }

    /// The hosts heard of since the last call.
    func takeFresh() -> [String] {
        state.withLock { state in
            let taken: [String] = state.fresh.sorted()
            state.fresh = []
            return taken
        }
    }

    /// Gives back what could not be handed over.
    func giveBack(_ hosts: some Sequence<String>) { state.withLock { $0.fresh.formUnion(hosts) } }
}
