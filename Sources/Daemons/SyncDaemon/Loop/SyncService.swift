import Declarations
import Glibc
import Logging
import Reconciliation
import Runtime
import ServiceLifecycle
import Telemetry

/// The daemon's loop: waits for timers, events and wishes, and makes runs.
package struct SyncService: Service {
    private let reconciler: Reconciler
    private let queue: RunQueue
    private let broadcast: ProgressBroadcast
    private let health: SyncHealth
    private let heartbeat: Heartbeat?
    private let deadline: CycleDeadline?
    private let configuration: BootstrapConfiguration
    private let dependencies: Reconciler.Dependencies
    private let giveBack: @Sendable () -> Void

    /// - Parameter giveBack: gives memory back to the system; called when a run is over that needed much.
    package init(
        reconciler: Reconciler, queue: RunQueue, broadcast: ProgressBroadcast, health: SyncHealth,
        heartbeat: Heartbeat? = nil, deadline: CycleDeadline? = nil, configuration: BootstrapConfiguration,
        dependencies: Reconciler.Dependencies, giveBack: @escaping @Sendable () -> Void = {}
    ) {
        self.reconciler = reconciler
        self.queue = queue
        self.broadcast = broadcast
        self.health = health
        self.heartbeat = heartbeat
        self.deadline = deadline
        self.configuration = configuration
        self.dependencies = dependencies
        self.giveBack = giveBack
    }

    /// Ends within the time that a request in flight may take: nothing is begun after the shutdown.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await loop()
            } onCancel: {
                queue.close()
            }
        } onGracefulShutdown: {
            queue.close()
        }
    }

    private func loop() async {
        // A time that only moves forward: one set back by an hour would be an hour without a look.
        let start: Timestamp = dependencies.now()
        let elapsed = dependencies.clock.stopwatch()
        let now = { start + PromDuration(milliseconds: elapsed().inMilliseconds) }
        var scheduler = RunScheduler(
            intervals: .init(git: configuration.interval, drift: configuration.driftInterval), now: now())
        var isFirst = true
        while !queue.isClosed {
            for trigger in queue.take() { scheduler.trigger(trigger) }
            switch scheduler.next(at: now()) {
            case .none: return
            case .wait(let instant):
                await queue.wait(until: instant, now: now(), clock: dependencies.clock)
            case .run(let trigger, let fetches):
                let ticket: Int = broadcast.runBegins(fetches: fetches)
                let requesters: [String] = queue.takeRequesters()
                let report: RunReport = await withDeadline {
                    await reconciler.run(trigger, fetches: fetches, requestedBy: requesters) { progress in
                        broadcast.send(progress, ticket: ticket)
                    }
                }
                let isGitKnown: Bool = await reconciler.fetchError == nil
                scheduler.finished(
                    report.outcome, fetchFailed: !isGitKnown, at: now(), random: dependencies.fraction)
                health.note(report, isGitKnown: isGitKnown)
                health.countFailures(
                    of: report, isGitKnown: isGitKnown || !fetches, unsentReports: await reconciler.waitingReports)
                await heartbeat?.beat(await reconciler.status(after: report, patience: configuration.patience))
                await note(report)
                for (failure, number) in await reconciler.takeUncountedFailures() { health.count(failure, number) }
                // Between runs lies what two states take, and no more.
                if isFirst || !report.isQuiet { giveBack() }
                isFirst = false
            }
        }
        broadcast.close()
    }

    private func withDeadline(_ body: @escaping @Sendable () async -> RunReport) async -> RunReport {
        guard let deadline else { return await body() }
        return await deadline.run(body)
    }

    /// Writes the status down and logs what is worth a line: not every quiet tick.
    private func note(_ report: RunReport) async {
        if case .object(var members) = await reconciler.status() {
            members["pid"] = .integer(getpid())
            do { try dependencies.directory.write(status: .object(members)) } catch {
                dependencies.logger.error("status not written", metadata: .of([.error: error.description]))
                await reconciler.noteFailure(.state, "the status was not written down: \(error.description)")
            }
        }
        dependencies.logger.log(
            level: report.logLevel, "run finished",
            metadata: .of([
                .status: report.outcome.rawValue, .count: report.changes.count, .request: report.id,
                .commit: report.commit?.id ?? "none", .reason: report.trigger.rawValue,
                .error: (report.errors + report.problems.map(\.description)).joined(separator: "; "),
            ]))
    }
}

extension RunReport {
    /// Whether nothing was found, done or wrong.
    fileprivate var isQuiet: Bool { outcome == .inSync && changes.isEmpty && errors.isEmpty }

    fileprivate var logLevel: Logger.Level {
        if isQuiet { return .debug }
        return outcome.exitStatus == 1 || outcome == .refused ? .warning : .info
    }
}
