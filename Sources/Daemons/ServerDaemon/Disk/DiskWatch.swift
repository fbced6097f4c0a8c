import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Looks at the database's disk all the time, on every server: each decides for itself what it takes in.
struct DiskWatch: Service {
    static let task = "disk"

    let locator: DiskLocator
    let disk: DiskGuard
    /// The folder of this server's own files.
    let ownFolder: String
    let live: LiveConfig
    let notices: DiskNotices
    let now: WallClock
    let clock: any Clock<Duration>
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) { await round() }
        }
    }

    func round() async {
        let knowledge: DiskGuard.Knowledge
        do {
            let space: DiskSpace = try await locator.space()
            gauge("database", space)
            knowledge = .space(space)
        } catch { knowledge = .unknown("\(error)") }
        if let own = try? await locator.space(at: ownFolder) { gauge("server", own) }
        if case .unknown(let reason) = knowledge, knowledge != disk.knowledge {
            logger.warning("what is free on the database's disk is not known", metadata: .of([.reason: reason]))
        }
        let isChanged: Bool = disk.observe(knowledge, declared: await declared(), at: now())
        metrics.gauge("plumb_disk_floor_reached", "1 while nothing is taken in for want of room on the disk.")
            .set(disk.refusal == nil ? 0.0 : 1.0)
        if isChanged { logger.critical("\(disk.refusal ?? "there is room on the database's disk again")") }
        await notices.tell(disk.refusal)
    }

    /// The smallest that a Retention declares.
    private func declared() async -> Int? {
        await live.running?.wholeRetentions.compactMap(\.minFreeDisk).min()
    }

    private func gauge(_ disk: String, _ space: DiskSpace) {
        metrics.gauge("plumb_disk_free_bytes", "Free on a file system.", labels: ["disk": disk]).set(Double(space.free))
        metrics.gauge("plumb_disk_size_bytes", "Size of a file system.", labels: ["disk": disk]).set(
            Double(space.total))
    }
}
