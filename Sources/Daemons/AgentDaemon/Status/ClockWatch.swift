import HostSystem
import Logging
import Runtime
import Telemetry

/// Looks about once a second whether the clock was set. Collection goes on: what has an impossible time is rejected by the
/// server one by one and counted.
struct ClockWatch: Sendable {
    let clocks: AgentClocks
    let offset: ClockOffset
    let logger: Logger

    func run() async {
        let elapsed = clocks.clock.stopwatch()
        var step = ClockStep()
        await periodically(every: .milliseconds(900), clock: clocks.clock) {
            guard let span = step.look(wall: clocks.now(), elapsed: elapsed()) else { return }
            offset.stepped(by: span)
            logger.warning("the clock of this host was set", metadata: .of([.duration: span]))
        }
    }
}
