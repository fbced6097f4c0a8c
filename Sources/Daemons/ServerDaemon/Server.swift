import ConfigAPIServer
import Database
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
import Runtime
import ServiceLifecycle
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
        let services: [any Service] = try Self.engines(of: parts) + [application(parts, whenListening)]
        var group = ServiceGroupConfiguration(
            services: [Lifeline.configuration()] + services.map { .init(service: $0) },
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

    private func application(
        _ parts: ServerParts, _ whenListening: @escaping @Sendable (Int) -> Void
    ) throws -> any Service {
        let portFile: String? = configuration.portFile
        let server: HTTPServerBuilder = try configuration.tls.map { try Self.tls($0) } ?? .http1()
        return Application(
            router: try Self.router(of: parts), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.listen.host, port: configuration.listen.port), backlog: 1024),
            onServerRunning: { [logger] channel in
                let port: Int = channel.localAddress?.port ?? 0
                logger.notice(
                    "listening", metadata: .of([.address: channel.localAddress?.ipAddress ?? "-", .port: port]))
                do {
                    if let portFile { try Files.write("\(port)\n".utf8, to: portFile) }
                } catch { logger.error("cannot write the port file", metadata: .of([.error: error])) }
                whenListening(port)
            },
            logger: logger)
    }

    private static func tls(_ files: ServerConfiguration.TLSFiles) throws -> HTTPServerBuilder {
        let chain: [NIOSSLCertificate] = try NIOSSLCertificate.fromPEMFile(files.certificate)
        let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        return try .tls(
            tlsConfiguration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
    }
}
