import ConfigAPI
package import Database
import Declarations
package import Logging
import Pipelines
package import Runtime
import ServiceLifecycle
package import StoreService
import Telemetry

/// Runs pipelines: those that are due, and those that somebody asks for; each at most once at a time, over all
/// processes.
package actor PipelineEngine: Service {
    package struct Dependencies: Sendable {
        package var live: LiveConfig
        package var store: PipelineStore
        package var sources: PipelineSources
        package var health: HealthBoard
        package var metrics: MetricsRegistry
        /// The same for each start of one proxy, so that it takes up again at once what it left.
        package var holder: String
        package var clock: any Clock<Duration>
        package var logger: Logger

        package init(
            live: LiveConfig, store: PipelineStore, sources: PipelineSources, health: HealthBoard,
            metrics: MetricsRegistry, holder: String, clock: any Clock<Duration> = ContinuousClock(), logger: Logger
        ) {
            self.live = live
            self.store = store
            self.sources = sources
            self.health = health
            self.metrics = metrics
            self.holder = holder
            self.clock = clock
            self.logger = logger
        }
    }

    /// What came of a wish to run.
    package enum Answer: Hashable, Sendable {
        case started(run: String)
        case isRunning(run: String?)
        case unknownPipeline
        case notDue
    }

    private struct Job: Sendable {
        var spec: PipelineSpec
        var lease: RunLease
    }

    private let parts: Dependencies
    /// Runs of this process, by pipeline; the value is the run's id once it has one.
    private var active: [String: String?] = [:]
    /// When a pipeline was last looked at; the database knows when it last ran.
    private var lookedAt: [String: ContinuousClock.Instant] = [:]
    private let jobs: AsyncStream<Job>
    private let submit: AsyncStream<Job>.Continuation

    package init(_ parts: Dependencies) {
        self.parts = parts
        (jobs, submit) = AsyncStream.makeStream()
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    await periodically(every: .milliseconds(500), clock: self.parts.clock) { await self.startDue() }
                }
                // Ends when the task is cancelled; the runs of the group then end after their page.
                for await job in self.jobs { group.addTask { await self.execute(job) } }
            }
        }
    }

    /// Starts a run and answers at once; the run goes on by itself.
    package func start(
        _ name: String, trigger: RunTrigger = .api, requestedBy: String? = nil
    ) async throws(PipelineStoreError) -> Answer {
        guard let running = await parts.live.running,
            case .pipeline(let spec)? = running.resources[ResourceKey(.pipeline, name)]?.spec
        else { return .unknownPipeline }
        if let run = active[name] { return .isRunning(run: run) }
        // Before the first await that could let another one in.
        active[name] = .some(nil)
        var generator = SystemRandomNumberGenerator()
        let run = ULID(time: .now(), using: &generator)
        let beginning: PipelineStore.Beginning
        do {
            beginning = try await parts.store.begin(
                name, run: run, source: spec.source.identity, trigger: trigger, requestedBy: requestedBy,
                holder: parts.holder, lease: PipelineRun.leaseSpan, every: trigger == .schedule ? spec.every : nil)
        } catch {
            active[name] = nil
            throw error
        }
        switch beginning {
        case .began(let lease):
            active[name] = run.description
            submit.yield(Job(spec: spec, lease: lease))
            return .started(run: run.description)
        case .isRunning(let run):
            active[name] = nil
            return .isRunning(run: run)
        case .notDue:
            active[name] = nil
            return .notDue
        }
    }

    // MARK: Schedule

    private func startDue() async {
        guard let running = await parts.live.running else { return }
        let specs: [(name: String, spec: PipelineSpec)] = running.specs(of: .pipeline) {
            if case .pipeline(let spec) = $0 { spec } else { nil }
        }
        for (name, spec) in specs {
            guard let every = spec.every, isToBeLookedAt(name, every) else { continue }
            do { _ = try await start(name, trigger: .schedule) } catch {
                parts.logger.warning(
                    "cannot start a pipeline", metadata: .of([.resource: name, .error: error]))
            }
        }
    }

    /// The database is asked a few times per interval, not twice a second for a pipeline that runs daily.
    private func isToBeLookedAt(_ name: String, _ every: PromDuration) -> Bool {
        let pause: Duration = min(.seconds(30), max(.milliseconds(500), every.duration / 20))
        let now: ContinuousClock.Instant = .now
        if let last = lookedAt[name], now - last < pause { return false }
        lookedAt[name] = now
        return true
    }

    // MARK: Work

    private func execute(_ job: Job) async {
        let name: String = job.lease.pipeline
        let run = PipelineRun(
            spec: job.spec, lease: job.lease, store: parts.store, sources: parts.sources, clock: parts.clock,
            logger: parts.logger)
        let summary: PipelineRun.Summary = await run.run()
        active[name] = nil
        tell(name, summary)
    }

    private func tell(_ name: String, _ summary: PipelineRun.Summary) {
        let counts: PageCounts = summary.counts
        let status: String =
            summary.error == nil && counts.dead == 0
            ? "success" : counts.loaded + counts.duplicates > 0 ? "partial" : "failure"
        PipelineMetrics(registry: parts.metrics).record(name, summary, status: status)
        // What waiting does not mend is the declaration's fault; a source that is away is not.
        let isWrong: Bool = summary.errorKind == .misconfigured || summary.errorKind == .refused
        parts.health.report(
            isWrong ? StoredResource.Health(state: .failing, message: summary.error) : nil,
            of: ResourceKey(.pipeline, name), by: "pipelines")
        parts.logger.log(
            level: status == "success" ? .info : .warning, "pipeline has run",
            metadata: .of([
                .resource: name, .status: status, .count: counts.loaded,
                .error: summary.error ?? (counts.dead > 0 ? "\(counts.dead) dead letters" : "-"),
            ]))
    }
}
