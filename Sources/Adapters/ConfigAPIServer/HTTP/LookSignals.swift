import Synchronization

/// Reasons to look that no generation of the store tells of, on their way to everybody who follows the event stream of
/// this process, whichever server was told of them. One that is lost is made up for by the next look at the interval.
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
    /// Tells this process from others that pass signals on.
    private let origin = String(UInt64.random(in: 0 ... .max), radix: 36)

    package init() {}

    /// What the other servers of the database are told of a signal.
    package func message(_ reason: Reason) -> String { "\(origin) \(reason.rawValue)" }

    /// Takes what a server told; what this one told itself it has signalled already.
    package func take(_ message: String) {
        let words: [Substring] = message.split(separator: " ")
        guard words.count == 2, words[0] != origin, let reason = Reason(rawValue: String(words[1])) else { return }
        signal(reason)
    }

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
