package import Database
package import Logging
package import Runtime
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Keeps a configuration that kills its component from doing so for ever.
///
/// A component that crashed `limit` times within `span` of beginning to run one generation starts without its engines: its
/// API answers, so that the generation can be replaced, and as soon as another one is loaded the engines start. What is
/// counted lies in the store, so it survives the process; a process that ends in order, or lives longer, counts no more.
package actor SafeMode: Service {
    /// A crash within this time of loading a generation is laid to its charge.
    package static let span = PromDuration.minutes(5)
    /// How many crashes are enough, unless configured otherwise.
    package static let crashLimit = 3

    private let instance: String
    private let store: ConfigStore
    /// 0: engines always start.
    private let limit: Int
    private let metrics: MetricsRegistry
    private let logger: Logger
    /// An element as soon as engines may run.
    private nonisolated let permissions: AsyncStream<Void>
    private nonisolated let permission: AsyncStream<Void>.Continuation

    /// The crashes for which the engines are off; nil while they may run.
    private nonisolated let presentCause = Mutex<ConfigStore.Crash?>(nil)
    private var hasCounted = false
    private var hasSettled = false

    package init(
        instance: String, store: ConfigStore, limit: Int = crashLimit, metrics: MetricsRegistry, logger: Logger
    ) {
        self.instance = instance
        self.store = store
        self.limit = limit
        self.metrics = metrics
        self.logger = logger
        (permissions, permission) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        metrics.gauge(Self.gauge, Self.help).set(0.0)
    }

    private static let gauge = "plumb_safe_mode"
    private static let help = "1 while the engines are off because of crashes."

    /// Why the engines are off, in words; nil while they may run.
    package nonisolated var reason: String? {
        cause.map {
            "safe mode: crashed \($0.count) times within \(Self.span) of loading generation \($0.generation); engines "
                + "are off until another generation is loaded"
        }
    }

    /// Decides about a generation before anything runs it. Never fails: a store that cannot be written to (a full disk, a
    /// standby) must not keep a component from running what it can read.
    func willLoad(_ generation: Int) async {
        await countEarlierCrash(generation)
        if let cause {
            guard cause.generation != generation else { return }
            logger.notice("safe mode is left: another generation is loaded", metadata: .of([.generation: generation]))
            set(cause: nil)
        }
        hasSettled = false
        do { try await store.beginGeneration(generation, of: instance) } catch {
            logger.warning("the start is not written down", metadata: .of([.error: error]))
        }
        permission.yield()
    }

    /// Once per process: what became of the one before it.
    private func countEarlierCrash(_ generation: Int) async {
        guard !hasCounted else { return }
        let crash: ConfigStore.Crash?
        do { crash = try await store.countCrash(of: instance) } catch {
            logger.warning("earlier crashes are not known", metadata: .of([.error: error]))
            return
        }
        hasCounted = true
        guard let crash else { return }
        logger.warning(
            "the process before this one crashed soon after loading a generation",
            metadata: .of([.generation: crash.generation, .count: crash.count]))
        guard limit > 0, crash.count >= limit, crash.generation == generation else { return }
        set(cause: crash)
        logger.critical("\(reason ?? "")")
    }

    private nonisolated var cause: ConfigStore.Crash? { presentCause.withLock { $0 } }

    private func set(cause: ConfigStore.Crash?) {
        presentCause.withLock { $0 = cause }
        metrics.gauge(Self.gauge, Self.help).set(cause == nil ? 0.0 : 1.0)
    }

    /// Returns when engines may run; false where the task was cancelled before. For one caller.
    nonisolated func enginesMayRun() async -> Bool { await permissions.first { _ in true } != nil }

    /// Forgets the start once it has proved itself, and when the process ends in order: then the next one tries again.
    package nonisolated func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: .seconds(10), clock: ContinuousClock()) { await self.settle(after: Self.span) }
        }
        // Cancelled without a shutdown: something failed, and that is as good as a crash.
        guard !Task.isCancelled else { return }
        _ = try? await store.settleStart(of: instance, after: .zero)
    }

    private func settle(after span: PromDuration) async {
        guard hasCounted, !hasSettled, cause == nil else { return }
        hasSettled = (try? await store.settleStart(of: instance, after: span)) ?? false
    }
}
