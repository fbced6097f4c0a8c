import Database
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Makes the next day's partition of the logs ahead of time, and forgets keys and positions that are past their use.
struct LogKeeper: Service {
    let logs: LogStore
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(600)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                do {
                    try await logs.partitioning.prepare(from: .now(), for: .hours(12))
                    try await logs.forgetOld()
                } catch { logger.warning("the logs were not tidied", metadata: .of([.error: error])) }
            }
        }
    }
}
