package import Telemetry

/// The samples of one series that a selection asked for.
package struct SeriesData: Sendable {
    /// All labels, the metric's name as `__name__` among them.
    package var labels: Labels
    /// Milliseconds since 1970, strictly ascending.
    package var times: [Int64]
    /// One for each time; `Double.staleMarker` where the series ended.
    package var values: [Double]

    package init(labels: Labels, times: [Int64], values: [Double]) {
        precondition(times.count == values.count, "a value for each time")
        self.labels = labels
        self.times = times
        self.values = values
    }
}

/// What one selector of an expression needs: all samples of matching series with `after` < time ≤ `through`.
package struct Selection: Hashable, Sendable {
    package var matchers: [Matcher]
    /// Milliseconds since 1970; samples at it are not needed.
    package var after: Int64
    /// Milliseconds since 1970; samples at it are needed.
    package var through: Int64

    package init(matchers: [Matcher], after: Int64, through: Int64) {
        self.matchers = matchers
        self.after = after
        self.through = through
    }
}
