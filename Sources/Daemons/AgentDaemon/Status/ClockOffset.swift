import Runtime
import Synchronization
package import Telemetry

/// How far this host's clock is ahead of the server's. Of the last few answers the one with the shortest way counts:
/// the server's time was taken somewhere on it.
package final class ClockOffset: Sendable {
    private struct Measurement {
        var offset: PromDuration
        var roundTrip: Duration
    }

    private static let kept = 8
    private let measurements = Mutex<[Measurement]>([])

    package init() {}

    package func measured(sentAt: Timestamp, roundTrip: Duration, serverTime: Timestamp) {
        let middle: Timestamp = sentAt + .milliseconds(roundTrip.inMilliseconds / 2)
        measurements.withLock {
            $0.append(Measurement(offset: middle - serverTime, roundTrip: roundTrip))
            if $0.count > Self.kept { $0.removeFirst() }
        }
    }

    /// This clock minus the server's; nil before the first answer.
    package var offset: PromDuration? {
        measurements.withLock { $0.min { $0.roundTrip < $1.roundTrip }?.offset }
    }
}
