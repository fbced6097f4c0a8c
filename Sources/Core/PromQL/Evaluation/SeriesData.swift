package import Telemetry

/// The samples of one series that a selection asked for.
package struct SeriesData: Sendable {
    /// All labels, the metric's name as `__name__` among them.
    package var labels: Labels
    /// Milliseconds since 1970, strictly ascending.
    package var times: [Int64]
    /// One for each time; `Double.staleMarker` where the series ended.
    package var values: [Double]
    /// Instead of samples, where the selection allowed it: buckets of one width, ascending.
    package var buckets: [Bucket]?

    package init(labels: Labels, times: [Int64], values: [Double]) {
        precondition(times.count == values.count, "a value for each time")
        self.labels = labels
        self.times = times
        self.values = values
    }

    package init(labels: Labels, buckets: [Bucket]) {
        self.labels = labels
        times = []
        values = []
        self.buckets = buckets
    }

    /// The buckets that some of this comes from; nil where all of it comes from samples.
    package var resolution: BucketWidth?
    /// Where the samples before an instant are gone and the last value of each bucket stands for them: that instant, in
    /// milliseconds since 1970. The answer is then near, not the same.
    package var goneBefore: Int64?
}

/// What one selector of an expression needs: all samples of matching series with `after` < time ≤ `through`.
package struct Selection: Hashable, Sendable {
    package var matchers: [Matcher]
    /// Milliseconds since 1970; samples at it are not needed.
    package var after: Int64
    /// Milliseconds since 1970; samples at it are needed.
    package var through: Int64
    /// What buckets may stand for the samples; nil where none.
    package var buckets: BucketUse?

    package init(matchers: [Matcher], after: Int64, through: Int64, buckets: BucketUse? = nil) {
        self.matchers = matchers
        self.after = after
        self.through = through
        self.buckets = buckets
    }
}

/// How buckets can answer a selection exactly: every instant that is evaluated is an edge of buckets of these widths,
/// and every window whole buckets; or there is one window only, which the selection's time is.
package struct BucketUse: Hashable, Sendable {
    package enum Purpose: Hashable, Sendable {
        /// The last sample before each instant: samples thinned to the last of each bucket, and ends of the series.
        case lastSamples
        /// Aggregations over windows: ``SeriesData/buckets``, of one width, with these parts of each; others may be
        /// wrong.
        case windows(BucketColumns)
    }

    package var purpose: Purpose
    /// From the widest; never empty.
    package var widths: [BucketWidth]
    /// Whether the selection's time is one window, whose ends may lie within buckets: of the samples between an end and
    /// the next edge a bucket is made that lies within the window.
    package var isOneWindow: Bool

    package init(purpose: Purpose, widths: [BucketWidth], isOneWindow: Bool = false) {
        self.purpose = purpose
        self.widths = widths
        self.isOneWindow = isOneWindow
    }
}
