import Database
import Runtime
package import ServiceLifecycle

extension Server {
    /// What runs beside the API, in order of starting; stopping goes the other way, so the pool is the last to go. The
    /// API is started after them but waits for none of them: engines wait for the configuration themselves. New engines
    /// are added here.
    package static func engines(of parts: ServerParts) -> [any Service] {
        [
            PoolService(pool: parts.pool),
            parts.watcher,
            parts.heartbeat,
            AgentKeeper(parts),
            HealthKeeper(
                board: parts.health, live: parts.live, store: parts.configStore, secrets: parts.secrets,
                logger: parts.logger),
        ]
    }
}

/// Closes the pool once everything that uses it has stopped.
private struct PoolService: Service {
    let pool: DatabasePool

    func run() async throws {
        try? await gracefulShutdown()
        await pool.close()
    }
}
