import AsyncHTTPClient
import Declarations
import HostSystem
import Logging
import Runtime
import Telemetry

/// The agent's parts, wired together.
struct AgentParts: Sendable {
    let keeper: ConfigKeeper
    private let queue: ShipmentQueue
    private let spool: Spool
    private let shipper: Shipper
    private let poller: ConfigPoller
    private let watch: FileWatch
    private let collectors: WorkerSupervisor<CollectorSpec>
    private let scrapes: WorkerSupervisor<ScrapeTargetSpec>
    private let reporter: StatusReporter
    private let tailer: LogTailer
    private let ownMetrics: OwnMetricsReporter
    private let flushDeadline: Duration
    private let logger: Logger

    init(
        configuration: AgentConfiguration, clocks: AgentClocks, files: any HostFiles, identity: AgentIdentity,
        http: HTTPClient, scrapeHTTP: HTTPClient, logger: Logger
    ) {
        let statusChanges = Signal()
        let configChanges = Signal()
        let scrapeChanges = Signal()
        let metrics = AgentMetrics()
        let clockOffset = ClockOffset()
        let probes = MountProbes()
        let health = CollectorHealth { statusChanges.raise() }
        let client = ServerClient(
            http: http, base: configuration.server, token: TokenFile(path: configuration.tokenFile))
        let keeper = ConfigKeeper(stateDirectory: configuration.stateDirectory, logger: logger) {
            configChanges.raise()
            scrapeChanges.raise()
            statusChanges.raise()
        }
        let queue = ShipmentQueue(limits: configuration.outbox)
        let spool = Spool(path: "\(configuration.stateDirectory)/spool")
        self.keeper = keeper
        self.queue = queue
        self.spool = spool
        self.logger = logger
        flushDeadline = configuration.flushDeadline
        shipper = Shipper(
            client: client, queue: queue, host: identity.host, clocks: clocks, spool: spool, metrics: metrics,
            clockOffset: clockOffset, linger: configuration.linger, requestTimeout: configuration.requestTimeout,
            logger: logger)
        poller = ConfigPoller(
            client: client, keeper: keeper, clocks: clocks, waitSeconds: configuration.configWaitSeconds,
            logger: logger)
        watch = FileWatch(
            path: keeper.path, clock: clocks.clock, every: configuration.fileCheckInterval, now: clocks.now)
        let forCollectors = CollectorWorker.Dependencies(
            collectors: CollectorDependencies(
                files: files, clock: clocks.clock, probes: probes, mountTimeout: configuration.mountTimeout),
            clocks: clocks, queue: queue, health: health, metrics: metrics, logger: logger)
        collectors = WorkerSupervisor(
            keeper: keeper, changes: configChanges, wanted: \.collectors,
            run: { name, spec, specs in
                await CollectorWorker(name: name, spec: spec, forCollectors).run(specs)
            })
        let forScrapes = ScrapeWorker.Dependencies(
            client: ScrapeClient(http: scrapeHTTP, clock: clocks.clock), clocks: clocks, queue: queue, health: health,
            metrics: metrics)
        scrapes = WorkerSupervisor(
            keeper: keeper, changes: scrapeChanges, wanted: \.scrapeTargets,
            run: { name, spec, specs in await ScrapeWorker(name: name, spec: spec, forScrapes).run(specs) })
        reporter = StatusReporter(
            client: client, keeper: keeper, health: health, clockOffset: clockOffset, identity: identity,
            changes: statusChanges, clocks: clocks, interval: configuration.statusInterval,
            requestTimeout: configuration.requestTimeout, logger: logger)
        let tailer = LogTailer(
            LogTailer.Dependencies(
                clocks: clocks, keeper: keeper, client: client, host: identity.host,
                positions: LogPositions(path: "\(configuration.stateDirectory)/log-positions.json"), health: health,
                metrics: metrics, interval: configuration.logInterval, requestTimeout: configuration.requestTimeout,
                logger: logger))
        self.tailer = tailer
        ownMetrics = OwnMetricsReporter(
            identity: identity, metrics: metrics, queue: queue, keeper: keeper, clockOffset: clockOffset,
            probes: probes, clocks: clocks, interval: configuration.ownMetricsInterval,
            logs: { [tailer] in tailer.statistics })
    }

    /// Queues what the last run could not deliver. A damaged spool is left where it is and said: there is nothing to
    /// save in it, but somebody may want to know.
    func readSpool() {
        do throws(FileError) {
            let frames: [CollectedFrame] = try spool.read()
            queue.withOutbox { outbox in
                for frame in frames { outbox.append(frame, isSpooled: true) }
            }
            if !frames.isEmpty { logger.info("read the spool", metadata: .of([.count: frames.count])) }
        } catch {
            logger.error("the spool is lost", metadata: .of([.reason: error.description]))
        }
    }

    func runUntilCancelled(since stamp: FileStamp?) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await collectors.run() }
            group.addTask { await scrapes.run() }
            group.addTask { await shipper.run() }
            group.addTask { await poller.run() }
            group.addTask { await reporter.run() }
            group.addTask { await tailer.run() }
            group.addTask { await ownMetrics.run() }
            group.addTask { await watch.run(since: stamp) { await keeper.look() } }
        }
    }

    /// Delivers what is queued, and writes what could not be delivered to the spool.
    func finish() async {
        await shipper.flush(within: flushDeadline)
        let rest: [CollectedFrame] = queue.withOutbox { $0.contents }
        do throws(FileError) {
            try spool.write(rest)
            logger.info("stopped", metadata: .of([.count: rest.count]))
        } catch {
            logger.error(
                "what was not delivered is lost",
                metadata: .of([.count: rest.count, .reason: error.description]))
        }
    }
}
