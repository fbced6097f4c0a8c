import Reconciliation
import Runtime
import ServiceLifecycle
import Systemd

/// Asks for a look as soon as somebody did something to a unit that is held to git. What it was, the look finds out.
struct UnitWatch: Service {
    /// The units that are held to git now.
    let units: @Sendable () async -> [String]
    let queue: RunQueue
    let clock: any Clock<Duration>
    var traces: @Sendable ([String]) -> UnitTraces = { UnitTraces(of: $0) }
    var interval: Duration = .milliseconds(250)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last: UnitTraces?
            await periodically(every: interval, clock: clock) {
                let found: UnitTraces = traces(await units())
                if let last, last != found { queue.trigger(.event) }
                last = found
            }
        }
    }
}
