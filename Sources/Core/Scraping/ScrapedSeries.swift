package import Telemetry

/// What a target's own labels do to the series that it exposes.
package struct TargetLabels: Hashable, Sendable {
    private let labels: [String: String]

    /// The target's `job` is the resource's name, its `instance` the host and port of its URL; labels of the resource
    /// go before both.
    package init(job: String, instance: String, labels: [String: String]) {
        self.labels = ["job": job, "instance": instance].merging(labels) { _, own in own }
    }

    /// The target's labels on a metric of the scrape itself.
    package func series(_ name: String) -> Series { Series(name, Labels(labels)) }

    /// The target's labels win; what the series had under such a name is kept as `exported_…`, as in Prometheus.
    package func applied(to series: Series) -> Series {
        var all: [String: String] = series.labels.dictionary
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            if let exposed = all[name] {
                var free = "exported_\(name)"
                while all[free] != nil || labels[free] != nil { free = "exported_\(free)" }
                all[free] = exposed
            }
            all[name] = value
        }
        return Series(series.name, Labels(all))
    }
}
