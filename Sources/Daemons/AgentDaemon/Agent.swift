import AsyncHTTPClient
import Declarations
package import HostSystem
package import Logging
import NIOCore
import Runtime
import ServiceLifecycle
import Telemetry

/// The agent: collects what its config says, keeps what cannot be delivered, ships it, and says what it runs.
///
/// It opens no port. Stopping it stops collection first, then delivers what is queued, then writes the rest to the
/// spool.
package struct Agent: Service {
    private let configuration: AgentConfiguration
    private let clocks: AgentClocks
    private let files: any HostFiles
    private let logger: Logger
    private let ended: @Sendable (AgentEnding) -> Void

    /// - Parameter ended: called once at the end of a run, after all was delivered that could be.
    package init(
        _ configuration: AgentConfiguration, clocks: AgentClocks, files: any HostFiles, logger: Logger,
        ended: @escaping @Sendable (AgentEnding) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.clocks = clocks
        self.files = files
        self.logger = logger
        self.ended = ended
    }

    /// Runs until a graceful shutdown or cancellation. Throws where the state directory cannot be used or another agent
    /// uses it.
    package func run() async throws {
        try Files.createFolder(configuration.stateDirectory, mode: 0o750)
        let lock = try LockFile(path: "\(configuration.stateDirectory)/lock")
        let enrolled: AgentCredential? =
            configuration.tokenFile == nil
            ? try AgentCredential(reading: AgentCredential.path(in: configuration.stateDirectory)) : nil
        if let enrolled, let host = configuration.host, host != enrolled.host {
            throw FileError(
                path: AgentCredential.path(in: configuration.stateDirectory), operation: "use",
                reason: "this agent was enrolled as \(enrolled.host) and is told to be \(host): enrol it again")
        }
        let identity = try AgentIdentity(
            host: configuration.host ?? enrolled?.host, stateDirectory: configuration.stateDirectory, files: files)
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.httpConfiguration)
        let scrapeHTTP = HTTPClient(eventLoopGroupProvider: .singleton, configuration: ScrapeClient.configuration)
        do {
            try await run(identity, http, scrapeHTTP)
            try await scrapeHTTP.shutdown()
            try await http.shutdown()
        } catch {
            try? await scrapeHTTP.shutdown()
            try? await http.shutdown()
            throw error
        }
        _ = consume lock
    }

    static var httpConfiguration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
        // A server that comes back is noticed by our own backoff; a pool that retries underneath would hide it.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.tracing.tracer = nil
        return configuration
    }

    private func run(_ identity: AgentIdentity, _ http: HTTPClient, _ scrapeHTTP: HTTPClient) async throws {
        let parts = AgentParts(
            configuration: configuration, clocks: clocks, files: files, identity: identity, http: http,
            scrapeHTTP: scrapeHTTP, logger: logger.with(.host, identity.host))
        let stamp: FileStamp? = await parts.keeper.load()
        await cancelWhenGracefulShutdown {
            await parts.runUntilCancelled(since: stamp)
        }
        ended(await parts.finish())
    }
}
