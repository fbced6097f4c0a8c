import ConfigAPI
package import Database
package import Logging
package import Runtime
import ServiceLifecycle

/// Where the configuration is read from.
package protocol ConfigSource: Sendable {
    /// Everything that is stored now.
    func load() async throws(ConfigStoreError) -> LoadedConfig
    /// A text that differs whenever what is stored does, also after a change that no trigger saw.
    func fingerprint() async throws(ConfigStoreError) -> String
}

extension ConfigStore: ConfigSource {}

/// Keeps ``LiveConfig`` in step with the store: looks when the store says so, when somebody calls ``lookNow()``, and
/// every second anyway. Detection never depends on a notification: one can be lost, and a change made with the triggers
/// disabled sends none.
package final class ConfigWatcher: Service {
    private let source: any ConfigSource
    private let live: LiveConfig
    private let listener: DatabaseListener?
    private let onMessage: [String: @Sendable (String) -> Void]
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let storeGuard: StoreGuard?
    private let safeMode: SafeMode?
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - Parameter onMessage: by channel, who takes what else is told on the listener's connection.
    package init(
        source: any ConfigSource, live: LiveConfig, listener: DatabaseListener?,
        onMessage: [String: @Sendable (String) -> Void] = [:], interval: Duration,
        clock: any Clock<Duration> = ContinuousClock(), metrics: MetricsRegistry, logger: Logger,
        storeGuard: StoreGuard? = nil, safeMode: SafeMode? = nil
    ) {
        self.storeGuard = storeGuard
        self.safeMode = safeMode
        self.source = source
        self.live = live
        self.listener = listener
        self.onMessage = onMessage
        self.interval = interval
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
        // One wake that waits is enough: a look sees everything that happened before it.
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Looks at the store as soon as possible.
    package func lookNow() { wake.yield() }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.followNotifications() }
                group.addTask { await self.listen() }
                group.addTask { await periodically(every: self.interval, clock: self.clock) { self.lookNow() } }
                group.addTask { await self.look() }
            }
        }
    }

    private func listen() async {
        await listener?.run { [logger] error in
            logger.debug("not listening to the config store", metadata: .of([.error: error]))
        }
    }

    private func followNotifications() async {
        guard let listener else { return }
        for await event in listener.events {
            if case .notification(let channel, let payload) = event, let take = onMessage[channel] {
                take(payload)
            } else {
                lookNow()
            }
        }
    }

    /// The only place that loads, one load after the other: an older state can never replace a newer one.
    private func look() async {
        var loadedFingerprint: String?
        var failures = 0
        for await _ in wakes {
            do {
                // Read before the load: a change between the two is seen by the next look.
                let fingerprint: String = try await source.fingerprint()
                if fingerprint != loadedFingerprint {
                    try await load()
                    loadedFingerprint = fingerprint
                }
                if failures > 0 { logger.notice("the config store answers again", metadata: .of([.count: failures])) }
                failures = 0
            } catch {
                failures += 1
                metrics.counter("plumb_config_load_failures_total", "Failed looks at the config store.").increment()
                // Once per outage at a level that people read, not once per second.
                logger.log(
                    level: failures == 1 ? .error : .debug, "cannot read the config store; what runs is kept",
                    metadata: .of([.error: error]))
            }
        }
    }

    private func load() async throws(ConfigStoreError) {
        let loaded: LoadedConfig = try await source.load()
        let before: RunningConfig? = await live.running
        // Behind a pooler a connection outlives the database that it led to: then this look is what notices.
        if storeGuard?.saw(storeID: loaded.snapshot.storeId) != nil { return }
        await safeMode?.willLoad(loaded.snapshot.generation)
        await live.adopt(loaded)
        guard let running = await live.running, !running.isSame(as: before) else { return }
        metrics.gauge("plumb_config_generation", "The loaded generation of the store.").set(Double(running.generation))
        metrics.gauge("plumb_config_invalid_resources", "Stored resources that cannot be decoded.")
            .set(Double(running.problems.count))
        logger.info(
            "configuration loaded",
            metadata: .of([
                .generation: running.generation, .digest: running.digest.prefix(12), .count: running.resources.count,
            ]))
        for (key, problem) in running.problems where before?.problems[key] != problem {
            logger.warning(
                "a stored resource cannot be decoded; its last good form is kept",
                metadata: .of([.resource: key, .error: problem]))
        }
    }
}
