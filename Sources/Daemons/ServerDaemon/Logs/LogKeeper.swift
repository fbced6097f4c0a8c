import Database
import Logging
import Runtime
import ServiceLifecycle

/// Forgets keys and positions of the logs that are past their use.
struct LogKeeper: Service {
    let logs: LogStore
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(600)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                do { try await logs.forgetOld() } catch {
                    logger.warning("the logs were not tidied", metadata: .of([.error: error]))
                }
            }
        }
    }
}
