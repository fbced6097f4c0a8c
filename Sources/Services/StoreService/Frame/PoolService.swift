package import Database
import ServiceLifecycle

/// Closes the pool once everything that uses it has stopped.
package struct PoolService: Service {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    package func run() async throws {
        try? await gracefulShutdown()
        await pool.close()
    }
}
