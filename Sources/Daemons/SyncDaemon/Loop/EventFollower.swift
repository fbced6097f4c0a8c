package import ConfigAPIClient
package import Logging
import Reconciliation
import Runtime
import ServiceLifecycle
import Synchronization
import Telemetry

/// What says by events that it is time to look.
package protocol EventSource: Sendable {
    /// Calls `onEvent` with the name of every event, until the stream or the task ends.
    func follow(_ onEvent: (_ name: String) async -> Void) async throws(ConfigAPIClientError)
}

extension ConfigAPIClient: EventSource {}

/// Follows the events of a component: each asks for a look. Without them drift is found at the next interval.
package struct EventFollower: Service {
    private let source: any EventSource
    /// The component, for whoever reads that its events are lost.
    private let name: String
    private let queue: RunQueue
    private let notes: FailureNotes
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let backoff = Backoff(initial: .seconds(1), cap: .seconds(30))

    package init(
        source: any EventSource, name: String, queue: RunQueue, notes: FailureNotes, logger: Logger,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.source = source
        self.name = name
        self.queue = queue
        self.notes = notes
        self.logger = logger
        self.clock = clock
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await follow() }
    }

    private func follow() async {
        let stream = Mutex(EventStreamState())
        while !Task.isCancelled {
            let age = clock.stopwatch()
            var failure: ConfigAPIClientError?
            do throws(ConfigAPIClientError) {
                try await source.follow { event in
                    if stream.withLock({ $0.heard() }) {
                        logger.notice("events arrive again", metadata: .of([.target: name]))
                    }
                    // A webhook that the server passed on: git may have moved. Anything else: live state may have.
                    queue.trigger(event == "git" ? .webhook : .event)
                }
            } catch { failure = error }
            guard !Task.isCancelled else { return }
            if failure != nil { notes.count(.events) }
            if stream.withLock({ $0.ended(after: age(), failure) }) { await tell(failure) }
            do { try await clock.sleep(for: backoff.delay(attempt: stream.withLock(\.failures))) } catch { return }
        }
    }

    private func tell(_ failure: ConfigAPIClientError?) async {
        let reason: String = failure?.description ?? "the stream ends at once"
        logger.warning("events are not followed", metadata: .of([.target: name, .error: reason]))
        await notes.tell("events of \(name) are not followed, drift is seen at the next interval: \(reason)")
    }
}
