import Synchronization

/// Reasons to look that no generation of the store tells of, on their way to everybody who follows the event stream of
/// this process. One that is lost is made up for by the next look at the interval.
package final class LookSignals: Sendable {
    /// The raw value is the event's name.
    package enum Reason: String, Hashable, Sendable {
        /// An agent's file was changed by hand.
        case agents
        /// A webhook says that git moved.
        case git
    }

    private struct State {
        var listeners: [Int: AsyncStream<Reason>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func signal(_ reason: Reason) {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(reason) }
    }

    /// The signals from now on; of a flood the newest.
    package func reasons() -> AsyncStream<Reason> {
        let (stream, continuation) = AsyncStream<Reason>.makeStream(bufferingPolicy: .bufferingNewest(8))
        let number: Int = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
        return stream
    }
}
