import ConfigAPIServer
import Database
package import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry
import StoreService
import Telemetry
import UnixSignals

/// The daemon: routes, engines, and the order in which they start and stop.
package struct Server: Sendable {
    private let configuration: ServerConfiguration
    private let logger: Logger

    package init(_ configuration: ServerConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until SIGTERM, SIGINT, the end of the lifeline, or the graceful shutdown of a group around it (then without
    /// signals). `whenListening` gets the port that was taken.
    package func run(
        handlesSignals: Bool = true, whenListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        if configuration.migratesAtStart { try await migrate() }
        let parts = try await ServerParts(configuration, logger: logger)
        let services: [any Service] =
            try Self.engines(of: parts) + [
                WebService(
                    listen: configuration.listen, tls: configuration.tls, portFile: configuration.portFile,
                    logger: logger
                ).application(Self.router(of: parts), whenListening: whenListening)
            ]
        var group = ServiceGroupConfiguration(
            services: [Lifeline.configuration(), .init(service: Presence(tellsReady: false))]
                + services.map { .init(service: $0) },
            gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: logger)
        // Stopping goes through this list from its end: no more connections, requests drained, engines, pool. What has
        // not ended by then is cancelled.
        group.maximumGracefulShutdownDuration = configuration.shutdown.duration
        try await ServiceGroup(configuration: group).run()
        logger.notice("stopped")
    }

    private func migrate() async throws {
        let connection = try await PostgresConnection(
            DatabaseAddress(conninfo: configuration.database), applicationName: "plumb-server migrate")
        try await Migrator.embedded.migrate(connection, logger: logger)
        await connection.close()
    }
}
