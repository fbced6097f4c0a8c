import Database
import Logging
import Runtime
import ServiceLifecycle
import StoreService

/// Brings what other servers revoked to this one, within a second or so.
struct RevocationKeeper: Service {
    let store: CredentialStore
    let revocations: Revocations
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                do { revocations.replace(try await store.revocations()) } catch {
                    logger.debug("cannot read what was revoked", metadata: .of([.error: error]))
                }
            }
        }
    }
}
