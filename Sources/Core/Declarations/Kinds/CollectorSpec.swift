package import Telemetry

/// What an agent collects from its host, how often, and on which hosts.
package struct CollectorSpec: Hashable, Sendable {
    package var source: Source
    /// Time between two collections; at least one second.
    package var interval: PromDuration
    package var hosts: HostSelector
    /// Of two collectors of one source that select one host, the higher priority wins, then the name that sorts first.
    package var priority: Int
    /// Labels added to every series.
    package var labels: [String: String]
    /// What to leave out, as shell globs: devices, mount points, file-system types or names of metrics.
    package var exclude: [String]

    package enum Source: String, CaseIterable, Hashable, Sendable {
        case cpu, memory, filesystem, disk, network, load
    }

    package init(
        source: Source, interval: PromDuration, hosts: HostSelector, priority: Int = 0, labels: [String: String] = [:],
        exclude: [String] = []
    ) {
        self.source = source
        self.interval = interval
        self.hosts = hosts
        self.priority = priority
        self.labels = labels
        self.exclude = exclude
    }
}
