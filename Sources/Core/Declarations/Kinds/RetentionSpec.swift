package import Telemetry

/// How long a dataset is kept. Whole partitions are dropped once all of them is older.
package struct RetentionSpec: Hashable, Sendable {
    package var dataset: Dataset
    package var keep: PromDuration

    package enum Dataset: String, CaseIterable, Hashable, Sendable { case metrics, logs, events }

    package init(dataset: Dataset, keep: PromDuration) {
        self.dataset = dataset
        self.keep = keep
    }
}
