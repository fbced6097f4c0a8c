package import Database
import ServiceLifecycle

/// Ends the process, with the reason, when its database turns out to be another one than it began with or too new for
/// it. Whoever supervises it starts it anew.
package struct StoreGuardService: Service {
    private let storeGuard: StoreGuard

    package init(_ storeGuard: StoreGuard) { self.storeGuard = storeGuard }

    package func run() async throws {
        let problem: DatabaseError? = await cancelWhenGracefulShutdown {
            await self.storeGuard.problems.first { _ in true }
        }
        if let problem { throw problem }
    }
}
