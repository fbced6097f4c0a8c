import Reconciliation
import Synchronization

/// Hands the progress of runs to whoever waits for one.
package final class ProgressBroadcast: Sendable {
    private struct Listener {
        var continuation: AsyncStream<RunProgress>.Continuation
        /// The first run that counts for it; nil until that begins.
        var run: Int?
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
        var runs = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// The progress of the first run that begins after this call and looks at git; the stream ends with it.
    package func nextRun() -> AsyncStream<RunProgress> {
        let (stream, continuation) = AsyncStream<RunProgress>.makeStream(bufferingPolicy: .bufferingOldest(16))
        let number: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextListener += 1
            state.listeners[state.nextListener] = Listener(continuation: continuation)
            return state.nextListener
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[number] = nil }
        }
        return stream
    }

    func runBegins(fetches: Bool) -> Int {
        state.withLock { state in
            state.runs += 1
            for number in state.listeners.keys where state.listeners[number]?.run == nil && fetches {
                state.listeners[number]?.run = state.runs
            }
            return state.runs
        }
    }

    func send(_ progress: RunProgress, ticket: Int) {
        let continuations = state.withLock { state in
            state.listeners.values.filter { $0.run == ticket }.map(\.continuation)
        }
        for continuation in continuations {
            continuation.yield(progress)
            if case .finished = progress { continuation.finish() }
        }
    }

    func close() {
        let continuations = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return state.listeners.values.map(\.continuation)
        }
        for continuation in continuations { continuation.finish() }
    }
}
