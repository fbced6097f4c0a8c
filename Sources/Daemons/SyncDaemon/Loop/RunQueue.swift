package import Reconciliation
import Synchronization
import Telemetry

/// Where triggers arrive from anywhere, and the loop waits for them.
package final class RunQueue: Sendable {
    fileprivate struct State {
        var arrived: [RunTrigger] = []
        var requesters: [String] = []
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// - Parameter user: who wishes it, for the report.
    package func trigger(_ trigger: RunTrigger, by user: String? = nil) {
        let waiter = state.withLock { state in
            state.arrived.append(trigger)
            if let user, !state.requesters.contains(user) { state.requesters.append(user) }
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Wakes the loop for good: nothing waits any longer.
    package func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    package var isClosed: Bool { state.withLock(\.isClosed) }

    /// What has arrived since the last call.
    func take() -> [RunTrigger] {
        state.withLock { state in
            defer { state.arrived = [] }
            return state.arrived
        }
    }

    /// Who wished for a run since the last call.
    func takeRequesters() -> [String] {
        state.withLock { state in
            defer { state.requesters = [] }
            return state.requesters
        }
    }

    /// Returns at `instant` at the latest, and as soon as something arrives, the queue is closed or the task cancelled.
    func wait(until instant: Timestamp, now: Timestamp, clock: any Clock<Duration>) async {
        let span: PromDuration = instant - now
        guard span > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await clock.sleep(for: span.duration + .milliseconds(1)) }
            group.addTask { await self.arrival() }
            await group.next()
            group.cancelAll()
            self.state.withLock { $0.takeWaiter() }?.resume()
        }
    }

    private func arrival() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady: Bool = state.withLock { state in
                    if state.isClosed || !state.arrived.isEmpty || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeWaiter() }?.resume()
        }
    }
}

extension RunQueue.State {
    fileprivate mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
        defer { waiter = nil }
        return waiter
    }
}
