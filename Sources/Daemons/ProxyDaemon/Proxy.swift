import ConfigAPIServer
import Database
package import Hummingbird
package import Logging
import Runtime
import ServiceLifecycle
package import StoreService
import Telemetry
import UnixSignals

/// The daemon: gateway for events, and the engine that makes events out of documents.
package struct Proxy: Sendable {
    private let configuration: ProxyConfiguration
    private let sources: PipelineSources?
    private let logger: Logger

    /// `sources`: others than the real ones, for tests.
    package init(_ configuration: ProxyConfiguration, sources: PipelineSources? = nil, logger: Logger) {
        self.configuration = configuration
        self.sources = sources
        self.logger = logger
    }

    /// Runs until SIGTERM, SIGINT, the end of the lifeline, or the graceful shutdown of a group around it (then without
    /// signals). `whenListening` gets the port that was taken.
    package func run(
        handlesSignals: Bool = true, whenListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        let parts = try await ProxyParts(configuration, sources: sources, logger: logger)
        let web = WebService(
            listen: configuration.listen, tls: configuration.tls, portFile: configuration.portFile, logger: logger)
        let services: [any Service] =
            Self.engines(of: parts) + [try web.application(Self.router(of: parts), whenListening: whenListening)]
        var group = ServiceGroupConfiguration(
            services: [Lifeline.configuration(), .init(service: Presence(tellsReady: false))]
                + services.map { .init(service: $0) },
            gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: logger)
        group.maximumGracefulShutdownDuration = configuration.shutdown.duration
        try await ServiceGroup(configuration: group).run()
        logger.notice("stopped")
    }

    private static func engines(of parts: ProxyParts) -> [any Service] {
        [
            PoolService(pool: parts.pool),
            StoreGuardService(parts.storeGuard),
            parts.watcher,
            parts.safeMode,
            parts.heartbeat,
            EngineRoom(
                parts.safeMode, logger: parts.logger,
                engines: [
                    HealthKeeper(
                        board: parts.health, live: parts.live, store: parts.configStore, secrets: parts.secrets,
                        logger: parts.logger),
                    FreshnessService(
                        live: parts.live, store: parts.runs, sources: parts.sources, metrics: parts.metrics,
                        interval: parts.configuration.freshness.duration, clock: ContinuousClock(), logger: parts.logger
                    ),
                    parts.engine,
                ]),
        ]
    }

    /// Every route of the proxy, behind logging, the product's errors and authentication.
    package static func router(of parts: ProxyParts) -> Router<ServerContext> {
        let router = Router(context: ServerContext.self)
        router.add(middleware: RequestLog(metrics: parts.metrics))
        router.add(middleware: ProblemResponses())
        router.add(
            middleware: Authentication(
                authority: parts.authority, open: OpenPaths(["/healthz", "/readyz", "/metrics"]),
                metrics: parts.metrics))
        for group in routeGroups(of: parts) { group.add(to: router) }
        let gauge = parts.metrics.gauge("plumb_event_streams_open", "Clients that listen to server-sent events.")
        let config = ConfigEngine(
            store: parts.configStore, live: parts.live, watcher: parts.watcher, heartbeat: parts.heartbeat)
        ConfigRoutes(backend: config, streams: EventStreams(gauge: gauge), redact: parts.redact).add(to: router)
        return router
    }

    private static func routeGroups(of parts: ProxyParts) -> [any RouteGroup] {
        [
            HealthRoutes(
                metrics: parts.metrics, areMetricsOpen: parts.configuration.listen.isLoopback,
                checks: [
                    ("database", { try await SchemaCheck.run(parts.pool) }),
                    (
                        "config",
                        {
                            guard await parts.live.running != nil else {
                                throw NotReady("the configuration was not loaded yet")
                            }
                        }
                    ),
                ],
                warnings: [("engines", { if let reason = parts.safeMode.reason { throw NotReady(reason) } })]),
            PipelineRoutes(
                engine: parts.engine, live: parts.live, store: parts.runs,
                refusal: { [safeMode = parts.safeMode] in safeMode.reason }),
            EventIngestRoutes(
                path: "/v1/events", store: parts.events, metrics: parts.metrics, clock: parts.clock),
        ]
    }
}
