package import ConfigAPI
package import ConfigAPIServer
package import Database
import Declarations
import Runtime

/// The config API of the server: the store in the database, and what this process runs of it.
package struct ConfigEngine: ConfigBackend {
    /// How long an answer to a change waits for this process to run it.
    package static let loadTimeout = Duration.seconds(2)

    private let store: ConfigStore
    private let live: LiveConfig
    private let watcher: ConfigWatcher
    private let heartbeat: InstanceHeartbeat

    package init(store: ConfigStore, live: LiveConfig, watcher: ConfigWatcher, heartbeat: InstanceHeartbeat) {
        self.store = store
        self.live = live
        self.watcher = watcher
        self.heartbeat = heartbeat
    }

    package func snapshot() async throws(ConfigFailure) -> ConfigSnapshot {
        do { return try await store.snapshot() } catch { throw ConfigFailure(error) }
    }

    package func wholeSnapshot() async throws(ConfigFailure) -> ConfigSnapshot {
        do { return try await store.snapshot(isWhole: true) } catch { throw ConfigFailure(error) }
    }

    package func state() async throws(ConfigFailure) -> StoreState {
        do { return try await store.state() } catch { throw ConfigFailure(error) }
    }

    /// Answers with the state after the change, in which this process has loaded it already: whoever applies a commit
    /// need not ask again to see it take effect. (If loading takes too long, the answer says that honestly.)
    package func apply(_ patch: ConfigPatch, by writer: ConfigWriter) async throws(ConfigFailure) -> ConfigSnapshot {
        do {
            let applied: ConfigSnapshot = try await store.apply(
                patch, by: PatchWriter(subject: writer.subject, address: writer.remoteAddress))
            watcher.lookNow()
            guard
                await live.waits(
                    for: applied.generation, of: applied.storeId, timeout: Self.loadTimeout, clock: ContinuousClock())
            else { return applied }
            await heartbeat.beat()
            // Done is done: a read that fails now must not make it look undone.
            return (try? await store.snapshot()) ?? applied
        } catch { throw ConfigFailure(error) }
    }

    package func lease(_ request: LeaseRequest, by writer: ConfigWriter) async throws(ConfigFailure) -> Lease {
        do { return try await store.lease(request) } catch { throw ConfigFailure(error) }
    }

    package func audit(since generation: Int, limit: Int) async throws(ConfigFailure) -> [AuditEntry] {
        do { return try await store.audit(since: generation, limit: limit) } catch { throw ConfigFailure(error) }
    }

    package func positions() async -> AsyncStream<ConfigPosition> {
        let updates: AsyncStream<RunningConfig> = await live.updates()
        let (positions, continuation) = AsyncStream<ConfigPosition>.makeStream(bufferingPolicy: .bufferingNewest(16))
        // Bridges two streams; ends with either of them.
        let pump = Task {
            var last: ConfigPosition?
            for await running in updates {
                let position = ConfigPosition(
                    storeId: running.storeId, generation: running.generation, digest: running.storedDigest)
                guard position != last else { continue }
                last = position
                continuation.yield(position)
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in pump.cancel() }
        return positions
    }
}

extension ConfigFailure {
    fileprivate init(_ error: ConfigStoreError) {
        switch error {
        case .conflict(let conflict): self = .conflict(conflict)
        case .rejected(let rejection): self = .rejected(rejection)
        case .database(let problem): self = .unavailable("the config store cannot be used now: \(problem.message)")
        }
    }
}
