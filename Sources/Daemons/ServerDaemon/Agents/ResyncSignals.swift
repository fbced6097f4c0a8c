import Synchronization

/// Wakes the requests of agents that wait for their config, when gitops-sync asks to set something right.
///
/// Only this process' waiting requests: those at other servers look at the database now and then.
package final class ResyncSignals: Sendable {
    private struct State {
        var waiting: [Int: (host: String, wake: @Sendable () -> Void)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func signal(hosts: [String]) {
        let named: Set<String> = Set(hosts)
        let wakes = state.withLock { $0.waiting.values.filter { named.contains($0.host) }.map(\.wake) }
        for wake in wakes { wake() }
    }

    /// Calls `wake` on each signal for the host until the returned number is given to ``remove(_:)``.
    func add(_ host: String, wake: @escaping @Sendable () -> Void) -> Int {
        state.withLock {
            $0.next += 1
            $0.waiting[$0.next] = (host, wake)
            return $0.next
        }
    }

    func remove(_ number: Int) { state.withLock { $0.waiting[number] = nil } }
}
