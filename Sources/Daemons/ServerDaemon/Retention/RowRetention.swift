import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Removes what Retentions with matchers let go, row by row, behind the others: one partition at a time, in small
/// transactions with a pause between them, on the one server that leads.
struct RowRetention: Service {
    static let task = "retention-rows"

    /// How rows of a dataset are removed.
    struct Dataset: Sendable {
        var name: RetentionSpec.Dataset
        var partitions: TimePartitions
        var erase: @Sendable (TimePartition, ErasurePace, @escaping @Sendable (Labels) -> Bool) async throws -> Int
    }

    let datasets: [Dataset]
    let progress: RetentionProgress
    let policy: RetentionPolicy
    let leaders: LeaderStore
    let holder: String
    let now: WallClock
    let clock: any Clock<Duration>
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(30)
    /// Between two transactions.
    var pause: Duration = .milliseconds(50)
    /// A partition is looked at again after this time while rows of its time are still taken in.
    var again: PromDuration = .days(1)
    var rows = 2000

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var leadership: Leadership?
            await periodically(every: interval, clock: clock) {
                do { leadership = try await round() } catch { failed(error) }
            }
            return leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    func round() async throws -> Leadership? {
        guard let leadership = try await lead() else { return nil }
        for dataset in datasets {
            do { try await enforce(dataset, leadership) } catch { failed(error) }
        }
        return leadership
    }

    private func lead() async throws -> Leadership? {
        try await leaders.lead(Self.task, holder: holder, for: .minutes(2))
    }

    private func enforce(_ dataset: Dataset, _ leadership: Leadership) async throws {
        // Nothing goes within the grace after a change: a revert must find everything.
        guard let rules = try await policy.partial(dataset.name), rules.isSettled, !rules.retention.rules.isEmpty else {
            return
        }
        let retention: PartialRetention = rules.retention
        let done: [String: RetentionProgress.Entry] = try await progress.entries(of: dataset.name.rawValue)
        let partitions: [TimePartition] = try await dataset.partitions.all()
        for partition in partitions {
            let age: PromDuration = now() - partition.to
            let digest: String = retention.digest(at: age)
            guard retention.mayRemove(at: age), isDue(partition, done[partition.name], digest) else { continue }
            // One that cannot be gone through keeps no other from it.
            do {
                let removed: Int = try await dataset.erase(partition, pace) { retention.isDoomed($0, at: age) }
                try await progress.done(
                    dataset.name.rawValue, partition.name, digest: digest, removed: removed, under: leadership)
                count(removed, of: dataset, partition)
            } catch { failed(error) }
        }
        try await progress.keepOnly(partitions.map(\.name), of: dataset.name.rawValue)
    }

    private func count(_ removed: Int, of dataset: Dataset, _ partition: TimePartition) {
        guard removed > 0 else { return }
        metrics.counter(
            "plumb_retention_rows_total", "Rows removed by Retentions with matchers.",
            labels: ["dataset": dataset.name.rawValue]
        ).increment(by: Double(removed))
        logger.notice("rows removed", metadata: ["partition": "\(partition.name)", "rows": "\(removed)"])
    }

    private func isDue(_ partition: TimePartition, _ done: RetentionProgress.Entry?, _ digest: String) -> Bool {
        guard let done, done.digest == digest else { return true }
        // Rows of the last 30 days are taken in still.
        return done.at < partition.to + .days(31) && now() >= done.at + again
    }

    private var pace: ErasurePace {
        {
            try await clock.sleep(for: pause)
            guard let leadership = try await lead() else { throw LeadershipLost(task: Self.task) }
            return ErasureStep(leadership: leadership, rows: rows)
        }
    }

    private func failed(_ error: any Error) {
        logger.warning("rows were not removed", metadata: ["error": "\(error)"])
    }
}

extension RetentionPolicy {
    /// The Retentions with matchers of a dataset, and whether none of the dataset's Retentions changed within the grace.
    ///
    /// Those that were there within the grace and are longer count for how long partitions stay. Nil before a
    /// configuration was loaded.
    func partial(
        _ dataset: RetentionSpec.Dataset
    ) async throws -> (retention: PartialRetention, isSettled: Bool, longestPast: PromDuration?)? {
        guard let running = await live.running else { return nil }
        let changes = try await configStore.changes(ofKind: .retention, within: grace)
            .filter { change in
                let before: String? = change.before?["dataset"]?.string
                return before == nil || before == dataset.rawValue
            }
        let past: [PromDuration] = changes.compactMap { change in
            guard !(change.before?["matchers"]?.array?.isEmpty ?? true) else { return nil }
            return change.before?["keep"]?.string.flatMap { PromDuration($0) }
        }
        let retention = PartialRetention(
            rules: running.partialRetentions(of: dataset).compactMap { PartialRetention.Rule(name: $0.name, $0.spec) },
            keep: try await effective(dataset).keep)
        return (retention, changes.isEmpty, past.max())
    }

    /// How long partitions of a dataset stay as a whole: as long as anything in them is kept. Nil keeps them.
    func wholePartitions(_ dataset: RetentionSpec.Dataset) async throws -> PromDuration? {
        guard let partial = try await partial(dataset), let longest = partial.retention.longest else { return nil }
        return max(longest, partial.longestPast ?? longest)
    }
}
