import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
package import Hummingbird
import Runtime
package import StoreService

extension Server {
    /// What needs no credential: signs of life, the way to log in, and what the pages are made of.
    static let openPaths = OpenPaths(
        [
            "/healthz", "/readyz", "/metrics", "/login", "/logout", "/v1/agent/enrol", "/v1/agent/token",
            "/hooks/git",
        ],
        folders: ["/assets/"])

    /// Every route of the server, behind logging, the product's errors and authentication. New topics are added here.
    package static func router(of parts: ServerParts) throws -> Router<ServerContext> {
        let router = Router(context: ServerContext.self)
        router.add(middleware: RequestLog(metrics: parts.metrics))
        router.add(middleware: ProblemResponses())
        router.add(middleware: ProblemPages(pages: try Pages(), clock: parts.clock))
        router.add(middleware: DatabaseProblems())
        router.add(
            middleware: Authentication(
                authority: parts.authority, open: openPaths, metrics: parts.metrics, revocations: parts.revocations))
        router.add(
            middleware: DiskFloorGate(disk: parts.disk, activity: parts.activity, metrics: parts.metrics))
        for group in try routeGroups(of: parts) { group.add(to: router) }
        return router
    }

    private static func routeGroups(of parts: ServerParts) throws -> [any RouteGroup] {
        [
            HealthRoutes(
                metrics: parts.metrics, areMetricsOpen: parts.configuration.listen.isLoopback,
                checks: [
                    ("database", { try await SchemaCheck.run(parts.pool) }),
                    ("config", { try await checkConfig(parts) }),
                ],
                warnings: [
                    ("disk", { if let refusal = parts.disk.refusal { throw NotReady(refusal) } }),
                    ("engines", { if let reason = parts.safeMode.reason { throw NotReady(reason) } }),
                ],
                details: { await details(parts) }),
            AuthRoutes(
                authority: parts.authority, links: LoginLinks(store: LoginLinkStore(pool: parts.pool)),
                isSecure: parts.configuration.tls != nil, clock: parts.clock),
            CredentialRoutes(
                store: parts.credentials, authority: parts.authority, revocations: parts.revocations,
                metrics: parts.metrics, clock: parts.clock),
            ConfigGroup(parts),
            AgentRoutes(parts),
            WebhookRoutes(secrets: parts.secrets, metrics: parts.metrics, now: parts.clock, tell: parts.tell),
            HostRoutes(hosts: parts.hosts),
            ReportRoutes(store: parts.reports),
            DriftRoutes(store: DriftStore(pool: parts.pool)),
            ReconcilerRoutes(store: parts.reconcilers),
            PreviewRoutes(store: PreviewStore(pool: parts.pool)),
            AlertRoutes(alerts: parts.alerts, outbox: parts.outbox, live: parts.live),
            StatusPageRoutes(live: parts.live),
            CorrelateRoutes(correlator: Correlator(parts), clock: parts.clock),
            EventRoutes(store: EventStore(pool: parts.pool), clock: parts.clock),
            EventIngestRoutes(
                path: "/api/v1/events", store: EventStore(pool: parts.pool), metrics: parts.metrics,
                clock: parts.clock),
            RetentionRoutes(datasets: parts.retained, policy: parts.retention, clock: parts.clock),
            try DashboardRoutes(
                data: DashboardData(parts), clock: parts.clock,
                warning: { [safeMode = parts.safeMode] in safeMode.reason }),
        ] + metricsGroups(of: parts) + logGroups(of: parts)
    }

    private static func logGroups(of parts: ServerParts) -> [any RouteGroup] {
        [
            LogIngestRoutes(
                logs: parts.logs, activity: parts.activity, metrics: parts.metrics, clock: parts.clock,
                configDigest: { host in try? await parts.directory.expected(for: host)?.digest }),
            LogSearchRoutes(logs: parts.logs),
        ]
    }

    private static func metricsGroups(of parts: ServerParts) -> [any RouteGroup] {
        [
            IngestRoutes(
                frames: parts.frames, activity: parts.activity, metrics: parts.metrics, clock: parts.clock,
                configDigest: { host in try? await parts.directory.expected(for: host)?.digest }),
            PrometheusRoutes(engine: parts.queries, clock: parts.clock),
            MetadataRoutes(labels: { [frames = parts.frames] in try await frames.labels(of: $0) }, clock: parts.clock),
            BucketRoutes(load: { [frames = parts.frames] in try await frames.load($0) }, clock: parts.clock),
        ]
    }

    /// What this server found; a database that does not answer has none of it.
    private static func details(_ parts: ServerParts) async -> [String: JSONValue] {
        let disk: JSONValue =
            switch parts.disk.knowledge {
            case .unknown(let reason): ["unknown": .string(reason)]
            case .space(let space): ["freeBytes": .integer(space.free), "sizeBytes": .integer(space.total)]
            }
        return .init(
            uniqueKeysWithValues: [("databaseDisk", disk)]
                + (parts.facts.present.map { [("database", .string($0.summary))] } ?? []))
    }

    private static func checkConfig(_ parts: ServerParts) async throws {
        guard await parts.live.running != nil else { throw NotReady("the configuration was not loaded yet") }
    }
}

/// The config API over the server's store.
private struct ConfigGroup: RouteGroup {
    private let parts: ServerParts

    init(_ parts: ServerParts) { self.parts = parts }

    func add(to router: Router<ServerContext>) {
        let engine = ConfigEngine(
            store: parts.configStore, live: parts.live, watcher: parts.watcher, heartbeat: parts.heartbeat)
        let gauge = parts.metrics.gauge("plumb_event_streams_open", "Clients that listen to server-sent events.")
        ConfigRoutes(backend: engine, streams: EventStreams(gauge: gauge), looks: parts.looks, redact: parts.redact)
            .add(to: router)
    }
}
