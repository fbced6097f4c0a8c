package import ConfigAPIServer
package import Database
package import Declarations
package import Logging
import PromQL
package import Runtime
package import StoreService
package import Telemetry

/// What routes and engines are made of: everything that one server has once.
package struct ServerParts: Sendable {
    package let configuration: ServerConfiguration
    package let logger: Logger
    package let clock: WallClock
    package let metrics: MetricsRegistry
    package let pool: DatabasePool
    /// Keeps this process to the store that it began with.
    package let storeGuard: StoreGuard
    package let secrets: Secrets
    package let authority: TokenAuthority
    package let credentials: CredentialStore
    package let balances: BalanceStore
    package let revocations = Revocations()
    package let decoder: ResourceDecoder
    package let configStore: ConfigStore
    package let live: LiveConfig
    /// Whether engines run what is declared.
    package let safeMode: SafeMode
    package let watcher: ConfigWatcher
    package let heartbeat: InstanceHeartbeat
    package let health: HealthBoard
    package let activity: HostActivity
    package let agents: AgentStore
    package let directory: AgentDirectory
    package let resyncs: ResyncSignals
    /// Reasons to look, for gitops-sync.
    package let looks: LookSignals
    package let edits = EditedFiles()
    package let hosts: HostDirectory
    package let reports: ReportStore
    package let reconcilers: ReconcilerStore
    package let commits: EnforcedCommits
    package let frames: FrameStore
    package let logs: LogStore
    package let alerts: AlertStore
    package let outbox: Outbox
    package let leaders: LeaderStore
    /// What is known of the database's disk.
    package let disk: DiskGuard
    let diskLocator: DiskLocator
    /// What the database was last found to be.
    let facts = FactsBoard()
    package let hostStatus: HostStatusStore
    /// When this process began to listen.
    package let startedAt: Timestamp
    /// For the hashes that stand in for what is sensitive.
    private let redactionKey: [UInt8]

    /// Reads the keys; touches no database yet, so that a server starts while PostgreSQL is away.
    package init(
        _ configuration: ServerConfiguration, logger: Logger, clock: @escaping WallClock = Timestamp.now
    ) async throws {
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        metrics = MetricsRegistry()
        let address = DatabaseAddress(conninfo: configuration.database)
        let connection = ConnectionConfiguration(applicationName: "plumb-server")
        storeGuard = StoreGuard()
        pool = DatabasePool(
            address,
            PoolConfiguration(size: configuration.poolSize, connection: connection, storeGuard: storeGuard))
        secrets = Secrets(folder: configuration.secretsFolder)
        authority = try await TokenAuthority(keysFile: configuration.keysFile, clock: clock)
        credentials = CredentialStore(pool: pool)
        balances = BalanceStore(pool: pool)
        redactionKey = await authority.derivedKey(for: "redaction")
        decoder = ResourceDecoder(sha256: Digests.sha256, checkExpression: Self.problem(inExpression:))
        configStore = ConfigStore(pool: pool, decoder: decoder, sha256: Digests.sha256)
        live = LiveConfig(sha256: Digests.sha256)
        let looks = LookSignals()
        self.looks = looks
        let instance = "\(HostName.current)/\(configuration.listen)"
        safeMode = SafeMode(
            instance: instance, store: configStore, limit: configuration.crashLimit, metrics: metrics, logger: logger)
        watcher = ConfigWatcher(
            source: configStore, live: live,
            listener: DatabaseListener(
                address, channels: [configStore.channel, configStore.looksChannel], configuration: connection),
            onMessage: [configStore.looksChannel: { looks.take($0) }],
            interval: configuration.configPoll.duration, metrics: metrics, logger: logger, storeGuard: storeGuard,
            safeMode: safeMode)
        heartbeat = InstanceHeartbeat(
            id: instance, live: live, store: configStore, safeMode: safeMode,
            interval: configuration.heartbeat.duration, logger: logger)
        health = HealthBoard()
        activity = HostActivity(clock: clock)
        startedAt = clock()
        agents = AgentStore(pool: pool)
        directory = AgentDirectory(live: live, store: agents, sha256: Digests.sha256)
        resyncs = ResyncSignals()
        hostStatus = HostStatusStore(pool: pool)
        hosts = HostDirectory(
            store: agents, live: live, directory: directory, activity: activity, statuses: hostStatus,
            balances: balances, listeningSince: startedAt)
        reports = ReportStore(pool: pool)
        reconcilers = ReconcilerStore(pool: pool)
        commits = EnforcedCommits(metrics: metrics)
        frames = FrameStore(pool: pool, limits: configuration.limits, compression: .zstd)
        logs = LogStore(pool: pool)
        alerts = AlertStore(pool: pool)
        outbox = Outbox(pool: pool)
        leaders = LeaderStore(pool: pool)
        disk = DiskGuard(patience: configuration.diskPatience)
        diskLocator = DiskLocator(
            pool: pool, folder: configuration.databaseDisk, measure: configuration.measureDisk)
    }

    /// Why a text is no PromQL; nil where it is.
    @Sendable private static func problem(inExpression text: String) -> String? {
        do {
            _ = try PromQL.parse(text)
            return nil
        } catch { return "\(error)" }
    }
}

extension ServerParts {
    /// Has everybody look who follows the events of any server of this database.
    package func tell(_ reason: LookSignals.Reason) async {
        looks.signal(reason)
        do { try await configStore.tell(looks.message(reason)) } catch {
            // They look at their interval.
            logger.warning("the other servers were not told to look", metadata: .of([.error: error]))
        }
    }

    /// What this process is called where servers take turns.
    var holder: String { "\(HostName.current)/\(configuration.listen)/\(startedAt.microseconds)" }

    var queries: QueryEngine { QueryEngine(frames: frames) }

    var retention: RetentionPolicy {
        RetentionPolicy(live: live, configStore: configStore, grace: configuration.retentionGrace, now: clock)
    }

    /// The datasets that retention drops partitions of. New ones are added here.
    var retained: [RetainedDataset] {
        [
            RetainedDataset(
                name: .metrics, tables: [.init(frames.partitioning)] + rolledUp,
                isSummedUp: { [frames] in try await frames.rollups.areComplete(from: $0.from, to: $0.to) }),
            RetainedDataset(name: .logs, tables: [.init(logs.partitioning)]),
            RetainedDataset(
                name: .events, tables: [.init(EventStore(pool: pool).partitions)],
                afterDropping: { [pool] edge in
                    // The keys of what is gone, in small steps.
                    let events = EventStore(pool: pool)
                    while try await events.forgetKeys(before: edge) > 0 {}
                }),
        ]
    }

    private var rolledUp: [RetainedDataset.Table] {
        RetentionSpec.RollupWidth.allCases.compactMap { width in
            BucketWidth(rawValue: width.rawValue).map { .init(frames.rollups.partitioning($0), part: .rollup(width)) }
        }
    }

    /// The datasets of which single rows can go. New ones are added here.
    var erasable: [RowRetention.Dataset] {
        let events = EventStore(pool: pool)
        let lines = RowErasure(pool, logs.partitioning, .logs)
        let entries = RowErasure(pool, events.partitions, .events)
        return [
            .init(name: .metrics, partitions: frames.partitioning) { [frames] partition, pace, isDoomed in
                try await frames.erase(from: partition, pace: pace, where: isDoomed)
            },
            .init(name: .logs, partitions: logs.partitioning) { partition, pace, isDoomed in
                try await lines.erase(from: partition, pace: pace, where: isDoomed)
            },
            .init(name: .events, partitions: events.partitions) { partition, pace, isDoomed in
                try await entries.erase(from: partition, pace: pace, where: isDoomed)
            },
        ]
    }

    /// The folder of this server's own files.
    var ownFolder: String {
        guard let slash = configuration.keysFile.lastIndex(of: "/") else { return "." }
        return slash == configuration.keysFile.startIndex ? "/" : String(configuration.keysFile[..<slash])
    }

    /// The notifiers that run, by name; nil until a configuration was loaded.
    var notifiers: @Sendable () async -> [String: NotifierSpec]? {
        { [live, derived = Self.notifiersOfConfig()] in await live.running.map(derived.of) }
    }

    private static func notifiersOfConfig() -> DerivedConfig<[String: NotifierSpec]> {
        DerivedConfig { running, _ in
            let specs = running.specs(of: .notifier) { if case .notifier(let spec) = $0 { spec } else { nil } }
            return Dictionary(specs.map { ($0.name, $0.spec) }) { first, _ in first }
        }
    }

    /// Hides what is sensitive in a spec: scheme and host stay, and eight digits of a keyed hash, so that a change shows.
    /// The spec of a kind that nobody knows is hidden as a whole.
    @Sendable package func redact(_ spec: JSONValue, _ kind: ResourceKind?) -> JSONValue {
        let hmac: (String) -> String = { hexadecimal(Digests.hmacSHA256($0.utf8, key: redactionKey)) }
        guard let kind else { return .string("#\(hmac(spec.canonicalText).prefix(8))") }
        return redacted(spec, kind: kind, hmac: hmac)
    }
}
