import ArgumentParser
import ConfigAPIClient
import GitStore
import Glibc
import HostSystem
import Logging
import Reconciliation
import Runtime
import ServiceLifecycle
import Telemetry
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run as a daemon: fetch, compare, correct and report until told to stop.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        Heap.beSmall()
        let logger: Logger = LogSetup(service: "gitops-sync").bootstrap()
        let bootstrap = try common.bootstrap()
        let clients = bootstrap.clients
        let dependencies = bootstrap.dependencies(
            git: bootstrap.gitStore(named: "git"), clients: clients, logger: logger)
        try bootstrap.directory.create()
        let lock = try LockFile(bootstrap.directory.file("lock"))
        let reconciler = try Reconciler(bootstrap, dependencies)
        let queue = RunQueue()
        let broadcast = ProgressBroadcast()
        let health = SyncHealth(
            patience: bootstrap.patience, registry: MetricsRegistry(), clock: dependencies.clock)
        let notes = FailureNotes(health: health, reconciler: reconciler)
        let stuck = StuckNote(directory: bootstrap.directory)
        if let at = stuck.take() {
            health.count(.cycle)
            await reconciler.reportAtNextRun(
                "the process before this one ended itself at \(at): a run hung and could not be cut off")
        }
        logger.info(
            "started",
            metadata: .of([
                .remote: bootstrap.displayedURL, .target: bootstrap.server.url, .path: bootstrap.controlSocket,
                .version: RuntimeVersion.current,
            ]))
        // Stopped from the last to the first: nothing new is asked for while the loop ends.
        var services: [any Service] = [
            SyncService(
                reconciler: reconciler, queue: queue, broadcast: broadcast, health: health,
                heartbeat: bootstrap.heartbeat(clients.server, health, dependencies),
                deadline: CycleDeadline(
                    limit: bootstrap.cycleTimeout.duration,
                    cutOff: {
                        health.count(.cycle)
                        logger.error("a run takes too long and is cut off")
                    },
                    abandon: {
                        logger.critical("a run hangs and cannot be cut off: the program ends itself")
                        stuck.leave(at: dependencies.now())
                        // Not exit(): what hangs may hold what its handlers need.
                        _exit(stuckStatus)
                    }), configuration: bootstrap, dependencies: dependencies,
                giveBack: {
                    Heap.giveBack()
                    ProgramPages.letGo()
                }),
            ControlServer(
                path: bootstrap.controlSocket, reconciler: reconciler, queue: queue, broadcast: broadcast,
                logger: logger),
            EventFollower(
                source: clients.server, name: bootstrap.server.url, queue: queue, notes: notes, logger: logger),
            HangupListener(queue: queue),
            UnitWatch(units: { await reconciler.watchedUnits }, queue: queue, clock: ContinuousClock()),
            health.presence(cycleTimeout: bootstrap.cycleTimeout),
        ]
        if !bootstrap.previews.isEmpty {
            services.append(
                PreviewService(
                    bootstrap, .of(bootstrap, config: common.config, client: clients.server), notes: notes,
                    logger: logger))
        }
        if let proxy = clients.proxy, let url = bootstrap.proxy?.url {
            services.append(
                EventFollower(source: proxy, name: url, queue: queue, notes: notes, logger: logger))
        }
        if let address = bootstrap.listen {
            services.append(
                HealthServer(
                    address: address, health: health,
                    hook: WebhookGate(queue: queue, secretFile: bootstrap.webhookSecretFile, health: health),
                    logger: logger))
        }
        let group = ServiceGroup(configuration: .daemon(services: services, logger: logger))
        let result: Result<Void, any Error>
        do { result = .success(try await group.run()) } catch { result = .failure(error) }
        await clients.shutdown()
        _ = consume lock
        try result.get()
    }
}

/// The exit status of a daemon that ended itself because a run hung: a temporary failure, worth another start.
private let stuckStatus: Int32 = 75

extension BootstrapConfiguration {
    fileprivate func heartbeat(
        _ listener: any ReconcilerListener, _ health: SyncHealth, _ dependencies: Reconciler.Dependencies
    ) -> Heartbeat {
        Heartbeat(
            listener: listener,
            fallback: fallback.map {
                FallbackNotices(
                    webhookFile: $0.webhookFile, patience: $0.after, directory: directory, logger: dependencies.logger)
            }, health: health, now: dependencies.now)
    }
}

extension ServiceGroupConfiguration {
    /// A run in flight gets two seconds after SIGTERM; a PATCH that is cut off then was taken whole or not at all, and
    /// the next start looks.
    fileprivate static func daemon(services: [any Service], logger: Logger) -> ServiceGroupConfiguration {
        var configuration = ServiceGroupConfiguration(
            services: services.map { ServiceConfiguration(service: $0) } + [Lifeline.configuration()],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(2)
        configuration.maximumCancellationDuration = .milliseconds(800)
        return configuration
    }
}

/// SIGHUP means: fetch now.
private struct HangupListener: Service {
    let queue: RunQueue

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { queue.trigger(.signal) }
    }
}

struct OnceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "once", abstract: "Make one run and end, for a timer.",
        discussion: """
            Exit status: 0 in sync; 3 applied or corrected; 4 drift left in place; 5 incomplete; 6 refused; 1 failed.
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let logger: Logger = LogSetup(service: "gitops-sync").bootstrap()
        let bootstrap = try common.bootstrap()
        let clients = bootstrap.clients
        let report: RunReport
        do {
            try bootstrap.directory.create()
            let lock = try LockFile(bootstrap.directory.file("lock"))
            let health = SyncHealth(patience: bootstrap.patience, registry: MetricsRegistry())
            let reconciler = try Reconciler(
                bootstrap,
                bootstrap.dependencies(git: bootstrap.gitStore(named: "git"), clients: clients, logger: logger))
            report = await CycleDeadline(
                limit: bootstrap.cycleTimeout.duration,
                cutOff: { logger.error("the run takes too long and is cut off") },
                abandon: { _exit(stuckStatus) }
            ).run { await reconciler.run(.timer, fetches: true) }
            // Nobody knows when the next timer comes: it is never late.
            await Heartbeat(listener: clients.server, fallback: nil, health: health, now: Timestamp.now)
                .beat(await reconciler.status(after: report, patience: nil))
            _ = consume lock
        } catch {
            await clients.shutdown()
            throw CommandFailure("\(error)")
        }
        await clients.shutdown()
        common.output.show(report.json) { report.text($0) }
        throw ExitCode(report.outcome.exitStatus)
    }
}
