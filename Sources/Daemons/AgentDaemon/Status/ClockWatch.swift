import HostSystem
import Logging
import Runtime
import Telemetry

/// Looks whether the clock was set. Collection goes on: what has an impossible time is rejected by the server one by one
/// and counted.
struct ClockWatch: Sendable {
    private let now: @Sendable () -> Timestamp
    private let elapsed: @Sendable () -> Duration
    private let offset: ClockOffset
    private let logger: Logger
    private var step = ClockStep()

    init(clocks: AgentClocks, offset: ClockOffset, logger: Logger) {
        now = clocks.now
        elapsed = clocks.clock.stopwatch()
        self.offset = offset
        self.logger = logger
    }

    mutating func look() {
        guard let span = step.look(wall: now(), elapsed: elapsed()) else { return }
        offset.stepped(by: span)
        logger.warning("the clock of this host was set", metadata: .of([.duration: span]))
    }
}
