package import Telemetry

/// A page of metrics that agents read: an address, how often, and what becomes of its series.
package struct ScrapeTargetSpec: Hashable, Sendable {
    package var url: String
    package var interval: PromDuration
    /// How long an answer may take; at most the interval.
    package var timeout: PromDuration
    package var hosts: HostSelector
    /// Labels added to every series; they go before those that the target exposes.
    package var labels: [String: String]
    /// Series after relabelling; a scrape with more is refused as a whole.
    package var sampleLimit: Int
    /// Bytes of the answer after decompression; a longer one is refused as a whole.
    package var bodyLimit: Int
    package var relabel: [RelabelRule]

    package init(
        url: String, interval: PromDuration, timeout: PromDuration, hosts: HostSelector = .all,
        labels: [String: String] = [:], sampleLimit: Int = usualSampleLimit, bodyLimit: Int = usualBodyLimit,
        relabel: [RelabelRule] = []
    ) {
        self.url = url
        self.interval = interval
        self.timeout = timeout
        self.hosts = hosts
        self.labels = labels
        self.sampleLimit = sampleLimit
        self.bodyLimit = bodyLimit
        self.relabel = relabel
    }

    package static let usualSampleLimit = 10_000
    package static let usualBodyLimit = 16 << 20
    /// Where the manifest says nothing, and the interval is not shorter.
    package static let usualTimeout = PromDuration.seconds(10)

    /// Host and port of the URL, `127.0.0.1:9100`: the label `instance`.
    package var instance: String { WebURL(url)?.authority ?? url }
}

/// One rule of Prometheus' `metric_relabel_configs`.
package struct RelabelRule: Hashable, Sendable {
    package var action: Action
    /// Whose values, joined by `separator`, the pattern is held against.
    package var sourceLabels: [String]
    package var separator: String
    /// Anchored at both ends.
    package var regex: String
    /// Of `replace`: the label that is set.
    package var targetLabel: String?
    /// With `$1` for what the first group matched.
    package var replacement: String

    package enum Action: String, CaseIterable, Hashable, Sendable {
        case replace, keep, drop, labelmap, labeldrop, labelkeep
    }

    package init(
        action: Action, sourceLabels: [String] = [], separator: String = ";", regex: String = "(.*)",
        targetLabel: String? = nil, replacement: String = "$1"
    ) {
        self.action = action
        self.sourceLabels = sourceLabels
        self.separator = separator
        self.regex = regex
        self.targetLabel = targetLabel
        self.replacement = replacement
    }
}
