import Database
import Declarations
import Runtime
import StoreService
import Telemetry

/// What retention is in force, from what is live and from what was live within the grace.
struct RetentionPolicy: Sendable {
    let live: LiveConfig
    let configStore: ConfigStore
    let grace: PromDuration
    let now: WallClock

    /// How long a part of a dataset is kept.
    func effective(
        _ dataset: RetentionSpec.Dataset, _ part: RetainedPart = .raw
    ) async throws -> EffectiveRetention {
        // Before the configuration is loaded nothing is known, and what is not known is kept.
        guard let running = await live.running else {
            return EffectiveRetention(declared: nil, past: [], grace: grace, now: now())
        }
        let history = RetentionHistory(
            live: running.retentions(of: dataset, part),
            changes: try await configStore.changes(ofKind: .retention, within: grace).map {
                RetentionHistory.Change(
                    name: $0.name, before: RetentionHistory.Setting($0.before, of: dataset, part), at: $0.at)
            })
        return EffectiveRetention(declared: history.declared, past: history.past, grace: grace, now: now())
    }

    /// The most that a dataset takes on disk, in bytes. Acts at once; of several the largest counts, and one that says
    /// nothing of it allows everything.
    func maxSize(_ dataset: RetentionSpec.Dataset) async -> Int? {
        await limits(dataset, \.maxSize)?.max()
    }

    /// What must stay free on the database's disk, in bytes. Acts at once; of several the smallest counts, and one that
    /// says nothing of it drops nothing.
    func minFreeDisk(_ dataset: RetentionSpec.Dataset) async -> Int? {
        await limits(dataset, \.minFreeDisk)?.min()
    }

    private func limits(_ dataset: RetentionSpec.Dataset, _ limit: (RetentionSpec) -> Int?) async -> [Int]? {
        let specs: [RetentionSpec] = await live.running?.wholeRetentions.filter { $0.dataset == dataset } ?? []
        let limits: [Int] = specs.compactMap(limit)
        return limits.count == specs.count ? limits : nil
    }
}

extension RunningConfig {
    private var retentions: [(name: String, spec: RetentionSpec)] {
        specs(of: .retention) { if case .retention(let spec) = $0 { spec } else { nil } }
    }

    /// The Retentions that are about all of their dataset.
    var wholeRetentions: [RetentionSpec] { retentions.map(\.spec).filter(\.matchers.isEmpty) }

    /// The Retentions that are about a part of a dataset, by name.
    func partialRetentions(of dataset: RetentionSpec.Dataset) -> [(name: String, spec: RetentionSpec)] {
        retentions.filter { $0.spec.dataset == dataset && !$0.spec.matchers.isEmpty }
    }

    /// What each Retention of a dataset says of a part of it, by name.
    func retentions(
        of dataset: RetentionSpec.Dataset, _ part: RetainedPart
    ) -> [String: RetentionHistory.Setting] {
        let whole = retentions.filter { $0.spec.dataset == dataset && $0.spec.matchers.isEmpty }
        return Dictionary(
            uniqueKeysWithValues: whole.map { name, spec in
                (name, spec.keep(part).map(RetentionHistory.Setting.keep) ?? .everything)
            })
    }
}

extension RetentionSpec {
    /// How long a part is kept: a rollup that is not named as long as what was sent. Nil where time drops nothing.
    func keep(_ part: RetainedPart) -> PromDuration? {
        switch part {
        case .raw: keep
        case .rollup(let width): rollups[width] ?? keep
        }
    }
}
