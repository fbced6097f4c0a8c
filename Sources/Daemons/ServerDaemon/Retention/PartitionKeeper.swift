import Database
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Makes the partitions of the coming hours ahead of time, on the one server that leads: the first rows of a day then
/// find theirs, and do not wait while it is made.
struct PartitionKeeper: Service {
    static let task = "partitions"

    let datasets: [TimePartitions]
    let leaders: LeaderStore
    let holder: String
    let now: WallClock
    let clock: any Clock<Duration>
    let logger: Logger
    /// How far ahead.
    var span: PromDuration = .hours(12)
    var interval: Duration = .seconds(600)

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var leadership: Leadership?
            await periodically(every: interval, clock: clock) {
                do { leadership = try await round() } catch { failed(error, nil) }
            }
            return leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Two servers that make the same partition at once make one, so the leadership saves work and decides nothing.
    func round() async throws -> Leadership? {
        guard let leadership = try await leaders.lead(Self.task, holder: holder, for: .hours(1)) else { return nil }
        for dataset in datasets {
            do { try await dataset.prepare(from: now(), for: span) } catch { failed(error, dataset.dataset) }
        }
        return leadership
    }

    private func failed(_ error: any Error, _ dataset: String?) {
        logger.warning(
            "partitions were not made ahead", metadata: ["dataset": "\(dataset ?? "all")", "error": "\(error)"])
    }
}
