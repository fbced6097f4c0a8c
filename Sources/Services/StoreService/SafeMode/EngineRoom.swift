package import Logging
package import ServiceLifecycle

/// The services that run what is declared: they start when the first configuration may be run (see ``SafeMode``), and stop
/// in order with the group around them.
package struct EngineRoom: Service {
    private let safeMode: SafeMode
    private let engines: [any Service]
    private let logger: Logger

    package init(_ safeMode: SafeMode, logger: Logger, engines: [any Service]) {
        self.safeMode = safeMode
        self.engines = engines
        self.logger = logger
    }

    package func run() async throws {
        guard await cancelWhenGracefulShutdown({ await safeMode.enginesMayRun() }) else {
            // Returning would end the whole program where this is no shutdown.
            try? await gracefulShutdown()
            return
        }
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(services: engines.map { .init(service: $0) }, logger: logger)
        ).run()
    }
}
