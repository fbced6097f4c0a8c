import Runtime
import Synchronization
package import Telemetry

/// How far this host's clock is ahead of the server's. Of the last few answers the one with the shortest way counts:
/// the server's time was taken somewhere on it. A step of this host's clock makes them all void.
package final class ClockOffset: Sendable {
    private struct Measurement {
        var offset: PromDuration
        var roundTrip: Duration
    }

    private struct State {
        var measurements: [Measurement] = []
        var steps: [PromDuration] = []
    }

    private static let kept = 8
    private let state = Mutex(State())

    package init() {}

    package func measured(sentAt: Timestamp, roundTrip: Duration, serverTime: Timestamp) {
        let middle: Timestamp = sentAt + .milliseconds(roundTrip.inMilliseconds / 2)
        state.withLock {
            $0.measurements.append(Measurement(offset: middle - serverTime, roundTrip: roundTrip))
            if $0.measurements.count > Self.kept { $0.measurements.removeFirst() }
        }
    }

    /// The clock was set: forwards by a positive span.
    package func stepped(by span: PromDuration) {
        state.withLock {
            $0.measurements = []
            $0.steps.append(span)
        }
    }

    /// Every step since the start.
    package var steps: [PromDuration] { state.withLock { $0.steps } }

    /// More than this is no slow clock but a wrong one, which somebody will set.
    static let wrong = PromDuration.minutes(5)

    /// A time of this clock as the server would have it, where this clock is known to be wrong: a line that is written an
    /// hour ahead would be refused for its time.
    func corrected(_ time: Timestamp) -> Timestamp {
        guard let offset, offset.milliseconds.magnitude > UInt64(Self.wrong.milliseconds) else { return time }
        return time - offset
    }

    /// This clock minus the server's; nil before the first answer.
    package var offset: PromDuration? {
        state.withLock { $0.measurements.min { $0.roundTrip < $1.roundTrip }?.offset }
    }
}
