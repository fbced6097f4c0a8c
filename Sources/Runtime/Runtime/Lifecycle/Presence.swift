import ServiceLifecycle

/// Tells the service manager that the program is ready, and as long as it is alive that it is. A program that hangs, or
/// whose work does, is then started anew (`WatchdogSec=` of its unit).
package struct Presence: Service {
    private let manager: ServiceManager
    private let tellsReady: Bool
    private let clock: any Clock<Duration>
    private let isAlive: @Sendable () async -> Bool

    /// - Parameter tellsReady: false where somebody else knows better when the program is ready.
    /// - Parameter isAlive: whether the program's work goes on. That it is asked at all shows that its threads do.
    package init(
        manager: ServiceManager = ServiceManager(), tellsReady: Bool = true,
        clock: any Clock<Duration> = ContinuousClock(), isAlive: @escaping @Sendable () async -> Bool = { true }
    ) {
        self.manager = manager
        self.tellsReady = tellsReady
        self.clock = clock
        self.isAlive = isAlive
    }

    package func run() async throws {
        if tellsReady { manager.tellReady() }
        guard let interval = manager.watchdogInterval else {
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            // Three times as often as is wanted: one that comes late is no reason for a restart.
            await periodically(every: interval / 3, clock: clock) {
                if await isAlive() { manager.tellAlive() }
            }
        }
    }
}
