import ConfigAPI
package import Database
package import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Says in the store that this process is alive and which generation it runs: a store is in sync only when every living
/// instance runs its generation.
package struct InstanceHeartbeat: Service {
    /// Stays the same over restarts of one server, so that a crash leaves no stranger behind that never catches up.
    package let id: String
    private let live: LiveConfig
    private let store: ConfigStore
    private let safeMode: SafeMode
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger

    package init(
        id: String, live: LiveConfig, store: ConfigStore, safeMode: SafeMode, interval: Duration,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.id = id
        self.live = live
        self.store = store
        self.safeMode = safeMode
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await _ in await live.updates() { await beat() }
                }
                group.addTask { await periodically(every: interval, clock: clock) { await beat() } }
            }
        }
        // A server that stops in order is not waited for.
        try? await store.removeInstance(id: id)
    }

    /// Writes the row now.
    package func beat() async {
        guard let running = await live.running else { return }
        let safety: String? = safeMode.reason
        let problems: [String] =
            [safety].compactMap { $0 } + running.problems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        let instance = ConfigSnapshot.Instance(
            id: id, loadedGeneration: running.generation, loadedDigest: running.digest,
            error: problems.isEmpty ? nil : problems.joined(separator: "\n"),
            heartbeatAt: Timestamp(microseconds: 0), isFresh: true, isSafeMode: safety != nil)
        do { try await store.heartbeat(instance) } catch {
            logger.debug("cannot write the heartbeat", metadata: .of([.error: error]))
        }
    }
}
