import Database
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Deletes old records of what was changed, told and tried, on the one server that leads, a few at a time.
struct HistoryPruner: Service {
    static let task = "histories"

    let store: HistoryStore
    let leaders: LeaderStore
    let holder: String
    let now: WallClock
    let clock: any Clock<Duration>
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(600)
    var pause: Duration = .milliseconds(50)
    /// Rows of one transaction.
    var limit = 1000

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

    func round() async throws -> Leadership? {
        guard let leadership = try await leaders.lead(Self.task, holder: holder, for: .hours(1)) else { return nil }
        for history in HistoryStore.histories {
            do { try await prune(history, leadership) } catch { failed(error, history) }
        }
        return leadership
    }

    private func prune(_ history: HistoryStore.History, _ leadership: Leadership) async throws {
        var removed = 0
        while true {
            let count: Int = try await store.prune(history, at: now(), limit: limit, under: leadership)
            removed += count
            guard count == limit else { break }
            try await clock.sleep(for: pause)
        }
        guard removed > 0 else { return }
        metrics.counter("plumb_history_pruned_total", "Old records deleted.", labels: ["table": history.table])
            .increment(by: Double(removed))
        logger.info("old records deleted", metadata: ["table": "\(history.table)", "count": "\(removed)"])
    }

    private func failed(_ error: any Error, _ history: HistoryStore.History?) {
        logger.warning(
            "old records were not deleted", metadata: ["table": "\(history?.table ?? "all")", "error": "\(error)"])
    }
}
