import Runtime
import Telemetry

extension SyncHealth {
    /// Tells the service manager that the daemon is alive, for as long as runs are completed: threads that go on say
    /// nothing of a loop that stands still.
    func presence(
        cycleTimeout: PromDuration, manager: ServiceManager = ServiceManager(),
        clock: any Clock<Duration> = ContinuousClock()
    ) -> Presence {
        Presence(manager: manager, clock: clock) { self.isAlive(cycleTimeout: cycleTimeout) }
    }
}
