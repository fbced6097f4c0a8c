import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Drops whole partitions once all of their data is older than the retention that is in force.
struct RetentionEngine: Service {
    static let task = "retention"

    let datasets: [RetainedDataset]
    let leaders: LeaderStore
    let holder: String
    let policy: RetentionPolicy
    let clock: any Clock<Duration>
    let now: WallClock
    let metrics: MetricsRegistry
    let logger: Logger
    /// Partitions are a day wide: looking often costs little and makes a shortened grace visible at once.
    var interval: Duration = .seconds(2)

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

    /// Looks at every dataset once, where this server leads; gives the leadership under which it did.
    func round() async throws -> Leadership? {
        guard let leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(30)) else { return nil }
        // One dataset that cannot be looked at keeps no other from its retention.
        for dataset in datasets {
            do { try await enforce(dataset, leadership) } catch { failed(error) }
        }
        return leadership
    }

    private func enforce(_ dataset: RetainedDataset, _ leadership: Leadership) async throws {
        guard let keep = try await policy.effective(dataset.name).keep else { return }
        for partition in try await dataset.partitions.all() where partition.to <= now() - keep {
            // Nor does a partition that somebody reads keep the next one.
            do { try await drop(partition, of: dataset, leadership, keep) } catch { failed(error) }
        }
    }

    private func drop(
        _ partition: TimePartition, of dataset: RetainedDataset, _ leadership: Leadership, _ keep: PromDuration
    ) async throws {
        try await dataset.partitions.drop(partition.name, under: leadership)
        try await dataset.afterDropping?(partition.to)
        metrics.counter("plumb_retention_dropped_total", "Partitions dropped by retention.").increment()
        logger.notice("partition dropped", metadata: ["partition": "\(partition.name)", "keep": "\(keep)"])
    }

    private func failed(_ error: any Error) {
        logger.warning("retention was not enforced", metadata: ["error": "\(error)"])
    }
}

/// A dataset whose partitions retention drops.
struct RetainedDataset: Sendable {
    var name: RetentionSpec.Dataset
    var partitions: TimePartitions
    /// What else goes with partitions that end before an instant; called after each of them.
    var afterDropping: (@Sendable (Timestamp) async throws -> Void)?
}

/// What retention is in force, from what is live and from what was live within the grace.
struct RetentionPolicy: Sendable {
    let live: LiveConfig
    let configStore: ConfigStore
    let grace: PromDuration
    let now: WallClock

    func effective(_ dataset: RetentionSpec.Dataset) async throws -> EffectiveRetention {
        // Before the configuration is loaded nothing is known, and what is not known is kept.
        guard let running = await live.running else {
            return EffectiveRetention(declared: nil, past: [], grace: grace, now: now())
        }
        let history = RetentionHistory(
            live: running.retentions(of: dataset),
            changes: try await configStore.changes(ofKind: .retention, within: grace).map {
                RetentionHistory.Change(
                    name: $0.name, before: RetentionHistory.Setting($0.before, of: dataset), at: $0.at)
            })
        return EffectiveRetention(declared: history.declared, past: history.past, grace: grace, now: now())
    }
}

extension RunningConfig {
    /// What each Retention of a dataset says, by name.
    func retentions(of dataset: RetentionSpec.Dataset) -> [String: PromDuration] {
        let specs: [(name: String, spec: RetentionSpec)] = self.specs {
            if case .retention(let spec) = $0 { spec } else { nil }
        }
        return Dictionary(
            uniqueKeysWithValues: specs.filter { $0.spec.dataset == dataset }.map { ($0.name, $0.spec.keep) })
    }
}
