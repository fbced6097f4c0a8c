import HostSystem
import Logging
import Runtime
import Synchronization
import Telemetry

/// Looks whether the clock was set. Collection goes on: what has an impossible time is rejected by the server one by one
/// and counted.
final class ClockWatch: Sendable {
    private let now: @Sendable () -> Timestamp
    private let elapsed: @Sendable () -> Duration
    private let offset: ClockOffset
    private let logger: Logger
    private let step = Mutex(ClockStep())

    init(clocks: AgentClocks, offset: ClockOffset, logger: Logger) {
        now = clocks.now
        elapsed = clocks.clock.stopwatch()
        self.offset = offset
        self.logger = logger
    }

    func look() {
        guard let span = step.withLock({ $0.look(wall: now(), elapsed: elapsed()) }) else { return }
        offset.stepped(by: span)
        logger.warning("the clock of this host was set", metadata: .of([.duration: span]))
    }

    /// ``ClockOffset/corrected(_:)``, by what is known of the clock as it is set now.
    func corrected(_ time: Timestamp) -> Timestamp {
        look()
        return offset.corrected(time)
    }

    /// ``ClockOffset/measured(sentAt:roundTrip:serverTime:)``, of the clock as it is set now.
    func measured(sentAt: Timestamp, roundTrip: Duration, serverTime: Timestamp) {
        look()
        // Set while the request was on its way: `sentAt` is of the clock as it was.
        let step: Int64 = (now() - sentAt).milliseconds - roundTrip.inMilliseconds
        guard step.magnitude < UInt64(ClockStep.least.milliseconds) else { return }
        offset.measured(sentAt: sentAt, roundTrip: roundTrip, serverTime: serverTime)
    }
}
