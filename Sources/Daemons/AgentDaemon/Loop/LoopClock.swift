package import NIOCore
import Synchronization

/// Waits on an event loop, until the first whole half of a second of the machine's time at or after a deadline: what waits
/// for about the same moment wakes the thread once.
///
/// `Task.sleep` wakes a thread of its own for each sleeper, which wakes another one for the task.
package struct LoopClock: Clock {
    package typealias Instant = ContinuousClock.Instant

    package static let grid = TimeAmount.milliseconds(500)

    private let loop: any EventLoop

    package init(_ loop: any EventLoop) { self.loop = loop }

    package var now: Instant { .now }
    package var minimumResolution: Duration { .nanoseconds(Self.grid.nanoseconds) }

    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                sleeper.sleep(continuation, on: loop, until: Self.wake(loop.now + TimeAmount(deadline - now)))
            }
        } onCancel: {
            sleeper.cancel()
        }
    }

    /// The first point of the grid that is not before `deadline`.
    static func wake(_ deadline: NIODeadline) -> NIODeadline {
        let step = UInt64(grid.nanoseconds)
        let (steps, rest) = deadline.uptimeNanoseconds.quotientAndRemainder(dividingBy: step)
        return .uptimeNanoseconds((steps + (rest > 0 ? 1 : 0)) * step)
    }
}

/// One task that waits, and is woken once: by the loop or by its cancellation.
private final class Sleeper: NIOScheduledCallbackHandler, Sendable {
    private enum State {
        case awake
        case asleep(CheckedContinuation<Void, any Error>, NIOScheduledCallback?)
        case done
    }

    private let state = Mutex(State.awake)

    func sleep(_ continuation: CheckedContinuation<Void, any Error>, on loop: any EventLoop, until wake: NIODeadline) {
        let isCancelled: Bool = state.withLock { state in
            guard case .awake = state else { return true }
            state = .asleep(continuation, nil)
            return false
        }
        guard !isCancelled else { return continuation.resume(throwing: CancellationError()) }
        // Thrown by a loop that has ended, and then nobody would wake the task.
        guard let callback = try? loop.scheduleCallback(at: wake, handler: self) else { return cancel() }
        let isDone: Bool = state.withLock { state in
            guard case .asleep = state else { return true }
            state = .asleep(continuation, callback)
            return false
        }
        if isDone { callback.cancel() }
    }

    func handleScheduledCallback(eventLoop: some EventLoop) { end()?.continuation.resume() }

    /// The loop ended.
    func didCancelScheduledCallback(eventLoop: some EventLoop) { cancel() }

    func cancel() {
        guard let ended = end() else { return }
        ended.callback?.cancel()
        ended.continuation.resume(throwing: CancellationError())
    }

    private func end() -> (continuation: CheckedContinuation<Void, any Error>, callback: NIOScheduledCallback?)? {
        state.withLock { state in
            defer { state = .done }
            guard case .asleep(let continuation, let callback) = state else { return nil }
            return (continuation, callback)
        }
    }
}
