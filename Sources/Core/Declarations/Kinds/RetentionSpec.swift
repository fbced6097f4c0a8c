package import Telemetry

/// How long, or how much of, a dataset is kept. Whole partitions are dropped, the oldest first.
package struct RetentionSpec: Hashable, Sendable {
    package var dataset: Dataset
    /// Which series, lines or events it is about; empty for all of the dataset.
    package var matchers: [LabelMatcher]
    /// Nil where time alone drops nothing.
    package var keep: PromDuration?
    /// In bytes on disk, indexes and out-of-line values included.
    package var maxSize: Int?
    /// In bytes; below that, the oldest partitions of the dataset go.
    package var minFreeDisk: Int?
    /// How long rollups are kept; those that are not named, as long as the dataset.
    package var rollups: [RollupWidth: PromDuration]
    /// How long samples stay as they came before they are sealed; nil where that is not said.
    package var sealAfter: PromDuration?

    package enum Dataset: String, CaseIterable, Hashable, Sendable { case metrics, logs, events }

    /// How much time one row of a rollup stands for.
    package enum RollupWidth: String, CaseIterable, Hashable, Sendable {
        case minute = "1m"
        case fiveMinutes = "5m"
        case hour = "1h"
    }

    package init(
        dataset: Dataset, matchers: [LabelMatcher] = [], keep: PromDuration? = nil, maxSize: Int? = nil,
        minFreeDisk: Int? = nil, rollups: [RollupWidth: PromDuration] = [:], sealAfter: PromDuration? = nil
    ) {
        self.dataset = dataset
        self.matchers = matchers
        self.keep = keep
        self.maxSize = maxSize
        self.minFreeDisk = minFreeDisk
        self.rollups = rollups
        self.sealAfter = sealAfter
    }
}
