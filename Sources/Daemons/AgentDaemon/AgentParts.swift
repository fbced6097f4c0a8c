import AsyncHTTPClient
import Declarations
import Delivery
import Glibc
import HostSystem
import Logging
import Runtime
import Telemetry

/// The agent's parts, wired together.
struct AgentParts: Sendable {
    let keeper: ConfigKeeper
    private let queue: ShipmentQueue
    private let shipper: Shipper
    private let poller: ConfigPoller
    private let collectors: WorkerSupervisor<CollectorSpec>
    private let scrapes: WorkerSupervisor<ScrapeTargetSpec>
    private let reporter: StatusReporter
    private let tailer: LogTailer
    private let ownMetrics: OwnMetricsReporter
    private let clockWatch: ClockWatch
    private let clocks: AgentClocks
    private let fileCheckInterval: Duration
    private let linger: Duration
    private let flushDeadline: Duration
    private let logger: Logger

    init(
        configuration: AgentConfiguration, clocks: AgentClocks, files: any HostFiles, identity: AgentIdentity,
        http: HTTPClient, scrapeHTTP: HTTPClient, logger: Logger
    ) {
        let statusChanges = Signal()
        let configChanges = Signal()
        let scrapeChanges = Signal()
        let journalChanges = Signal()
        let logChanges = Signal()
        let metrics = AgentMetrics()
        let clockOffset = ClockOffset()
        let probes = MountProbes()
        let health = CollectorHealth { statusChanges.raise() }
        let client = ServerClient(
            http: http, base: configuration.server, tokens: Self.tokens(configuration, clocks, identity, http),
            now: clocks.now)
        let keeper = ConfigKeeper(
            stateDirectory: configuration.stateDirectory, now: clocks.now, logger: logger
        ) {
            configChanges.raise()
            scrapeChanges.raise()
            journalChanges.raise()
            logChanges.raise()
            statusChanges.raise()
        }
        let queue = ShipmentQueue(now: clocks.now) { Self.openQueue(configuration, at: clocks.now(), logger) }
        self.keeper = keeper
        self.queue = queue
        self.logger = logger
        self.clocks = clocks
        linger = configuration.linger
        flushDeadline = configuration.flushDeadline
        fileCheckInterval = configuration.fileCheckInterval
        let clockWatch = ClockWatch(clocks: clocks, offset: clockOffset, logger: logger)
        self.clockWatch = clockWatch
        shipper = Shipper(
            client: client, queue: queue, host: identity.host, clocks: clocks, metrics: metrics,
            clockWatch: clockWatch, keeper: keeper,
            requestTimeout: configuration.requestTimeout,
            backlogRate: configuration.backlogRate, logger: logger)
        poller = ConfigPoller(
            client: client, keeper: keeper, clocks: clocks, waitSeconds: configuration.configWaitSeconds,
            logger: logger)
        let forCollectors = CollectorWorker.Dependencies(
            collectors: CollectorDependencies(
                files: files, clock: clocks.clock, probes: probes, mountTimeout: configuration.mountTimeout),
            clocks: clocks, queue: queue, health: health, metrics: metrics, logger: logger)
        collectors = WorkerSupervisor(
            keeper: keeper, changes: configChanges, wanted: \.collectors,
            // The thread that one runs on was chosen for its source.
            canObey: { $0.source.readsCountersOnly == $1.source.readsCountersOnly },
            run: { name, spec, specs in
                await CollectorWorker(name: name, spec: spec, forCollectors).run(specs)
            })
        let forScrapes = ScrapeWorker.Dependencies(
            client: ScrapeClient(http: scrapeHTTP, clock: clocks.clock), clocks: clocks, queue: queue, health: health,
            metrics: metrics)
        scrapes = WorkerSupervisor(
            keeper: keeper, changes: scrapeChanges, wanted: \.scrapeTargets,
            run: { name, spec, specs in await ScrapeWorker(name: name, spec: spec, forScrapes).run(specs) })
        let tailer = LogTailer(
            LogTailer.Dependencies(
                clocks: clocks, keeper: keeper, journalChanges: journalChanges, changes: logChanges, client: client,
                host: identity.host,
                positions: LogPositions(path: "\(configuration.stateDirectory)/log-positions.json"), health: health,
                metrics: metrics, clockWatch: clockWatch, interval: configuration.logInterval,
                requestTimeout: configuration.requestTimeout,
                containers: configuration.containers ?? .ofThisHost(files), journal: configuration.journal,
                ownProcess: Int(getpid()),
                credentials: CredentialFiles(
                    folder: configuration.stateDirectory,
                    files: [configuration.tokenFile, configuration.enrolmentFile].compactMap { $0 }),
                // The rest is for connections, collectors and what they read.
                mostFiles: max(100, min(8192, DescriptorLimit.raise() - 256)), logger: logger))
        self.tailer = tailer
        let applied = AppliedConfig()
        reporter = StatusReporter(
            client: client, keeper: keeper, health: health, clockOffset: clockOffset, applied: applied,
            identity: identity, queue: queue, logs: { [tailer] in tailer.statistics }, changes: statusChanges,
            clocks: clocks,
            interval: configuration.statusInterval,
            requestTimeout: configuration.requestTimeout, logger: logger)
        ownMetrics = OwnMetricsReporter(
            identity: identity, metrics: metrics, queue: queue, keeper: keeper, clockOffset: clockOffset,
            applied: applied, probes: probes, clocks: clocks, interval: configuration.ownMetricsInterval,
            logs: { [tailer] in tailer.statistics })
    }

    /// What an earlier run could not deliver is taken up again, and its ledger goes on.
    private static func openQueue(
        _ configuration: AgentConfiguration, at now: Timestamp, _ logger: Logger
    ) -> DeliveryQueue {
        let disk: SpoolFolder? =
            configuration.spool.bytes > 0 ? SpoolFolder("\(configuration.stateDirectory)/delivery") : nil
        let ledger = DeliveryLedger(id: AgentIdentity.randomID(), since: now)
        let spool = SpoolLog(disk: disk, limits: configuration.spool, newLedger: ledger)
        let queue = DeliveryQueue(spool: spool, limits: configuration.queue)
        if queue.framesOnDisk > 0 {
            logger.info("frames wait on disk", metadata: .of([.count: queue.framesOnDisk]))
        }
        if let problem = spool.failure {
            logger.error("the spool cannot be used", metadata: .of([.reason: problem]))
        }
        if spool.damages > 0 { logger.error("the spool is damaged", metadata: .of([.count: spool.damages])) }
        return queue
    }

    private static func tokens(
        _ configuration: AgentConfiguration, _ clocks: AgentClocks, _ identity: AgentIdentity, _ http: HTTPClient
    ) -> any TokenSource {
        if let path = configuration.tokenFile { return FileTokenSource(file: TokenFile(path: path)) }
        let exchange = CredentialExchange(
            http: http, base: configuration.server, timeout: configuration.requestTimeout, now: clocks.now)
        return EnrolledTokenSource(
            exchange: exchange, stateDirectory: configuration.stateDirectory, host: identity.host,
            enrolmentFile: configuration.enrolmentFile, clock: clocks.clock)
    }

    func runUntilCancelled(since stamp: FileStamp?) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await collectors.run() }
            group.addTask { await scrapes.run() }
            group.addTask { await queue.run(linger: linger, clocks) }
            group.addTask { await shipper.run() }
            group.addTask { await poller.run() }
            group.addTask { await reporter.run() }
            group.addTask { await tailer.run() }
            group.addTask { await ownMetrics.run() }
            group.addTask { await keeper.watch(since: stamp, every: fileCheckInterval, clocks, clockWatch) }
        }
    }

    /// Delivers what is fresh. The rest is on disk.
    func finish() async -> AgentEnding {
        await keeper.pauseTrial()
        await shipper.flush(within: flushDeadline)
        let lost: Int = await queue.leaveEverythingToDisk()
        let rest: ShipmentQueue.Statistics = await queue.statistics
        logger.info("stopped", metadata: .of([.count: rest.framesInMemory + rest.framesOnDisk]))
        guard lost > 0 else { return rest.framesInMemory + rest.framesOnDisk > 0 ? .spooled : .delivered }
        logger.error(
            "samples were not delivered and are lost",
            metadata: .of([.count: lost, .reason: rest.spoolProblem ?? "there is no spool"]))
        return .lost
    }
}
