import ConfigAPIServer
package import Database
package import Declarations
package import Logging
package import Runtime
package import StoreService
import Telemetry

/// What routes and engines are made of: everything that one proxy has once.
package struct ProxyParts: Sendable {
    package let configuration: ProxyConfiguration
    package let logger: Logger
    package let clock: WallClock
    package let metrics: MetricsRegistry
    package let pool: DatabasePool
    /// Keeps this process to the store that it began with.
    package let storeGuard: StoreGuard
    package let secrets: Secrets
    package let authority: TokenAuthority
    package let configStore: ConfigStore
    package let live: LiveConfig
    /// Whether engines run what is declared.
    package let safeMode: SafeMode
    package let watcher: ConfigWatcher
    package let heartbeat: InstanceHeartbeat
    package let health: HealthBoard
    package let events: EventStore
    package let runs: PipelineStore
    package let sources: PipelineSources
    package let engine: PipelineEngine
    /// For the hashes that stand in for what is sensitive.
    private let redactionKey: [UInt8]

    /// Reads the keys; touches no database yet, so that a proxy starts while PostgreSQL is away.
    package init(
        _ configuration: ProxyConfiguration, sources: PipelineSources? = nil, logger: Logger,
        clock: @escaping WallClock = Timestamp.now
    ) async throws {
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        metrics = MetricsRegistry()
        let address = DatabaseAddress(conninfo: configuration.database)
        let connection = ConnectionConfiguration(applicationName: "plumb-proxy")
        storeGuard = StoreGuard(schema: Schema.proxy)
        pool = DatabasePool(
            address,
            PoolConfiguration(size: configuration.poolSize, connection: connection, storeGuard: storeGuard))
        secrets = Secrets(folder: configuration.secretsFolder)
        authority = try await TokenAuthority(keysFile: configuration.keysFile, clock: clock)
        redactionKey = await authority.derivedKey(for: "redaction")
        // A pipeline holds no expression: nothing to check.
        let decoder = ResourceDecoder(sha256: Digests.sha256)
        configStore = ConfigStore(pool: pool, decoder: decoder, sha256: Digests.sha256, configuration: .proxy)
        live = LiveConfig(sha256: Digests.sha256)
        let holder: String = Self.holder(configuration.listen)
        safeMode = SafeMode(
            instance: holder, store: configStore, limit: configuration.crashLimit, metrics: metrics, logger: logger)
        watcher = ConfigWatcher(
            source: configStore, live: live,
            listener: DatabaseListener(address, channels: [configStore.channel], configuration: connection),
            interval: configuration.configPoll.duration, metrics: metrics, logger: logger, storeGuard: storeGuard,
            safeMode: safeMode)
        heartbeat = InstanceHeartbeat(
            id: holder, live: live, store: configStore, safeMode: safeMode,
            interval: configuration.heartbeat.duration, logger: logger)
        health = HealthBoard()
        events = EventStore(pool: pool)
        runs = PipelineStore(pool: pool)
        self.sources = sources ?? PipelineSources(secrets: secrets)
        engine = PipelineEngine(
            PipelineEngine.Dependencies(
                live: live, store: runs, sources: self.sources, health: health, metrics: metrics, holder: holder,
                logger: logger))
    }

    /// The same after a restart: a listener's port is one process's. A port that the kernel chooses says nothing.
    private static func holder(_ listen: ListenAddress) -> String {
        let name: String = listen.port == 0 ? hexadecimal(randomBytes(8)) : "\(listen)"
        return "\(HostName.current)/\(name)"
    }

    /// Hides what is sensitive in a spec.
    @Sendable package func redact(_ spec: JSONValue, _ kind: ResourceKind?) -> JSONValue {
        let hmac: (String) -> String = { hexadecimal(Digests.hmacSHA256($0.utf8, key: redactionKey)) }
        guard let kind else { return .string("#\(hmac(spec.canonicalText).prefix(8))") }
        return redacted(spec, kind: kind, hmac: hmac)
    }
}
