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
    /// Of `processes`: how many programs are told by name, those that use most processor time and most memory.
    package var top: Int
    /// Of `textfile`: the folder whose files `*.prom` are read.
    package var directory: String

    /// Where Debian's packages for node_exporter put such files.
    package static let usualDirectory = "/var/lib/prometheus/node-exporter"

    package enum Source: String, CaseIterable, Hashable, Sendable {
        case cpu, load, scheduler, memory, vmstat, pressure, filesystem, disk, network, interfaces, netstat, sockstat
        case softnet, conntrack, filefd, time, temperature, processes, units, containers, mdraid, nvme
        case textfile
    }

    package init(
        source: Source, interval: PromDuration, hosts: HostSelector, priority: Int = 0, labels: [String: String] = [:],
        exclude: [String] = [], top: Int = 0, directory: String = usualDirectory
    ) {
        self.source = source
        self.interval = interval
        self.hosts = hosts
        self.priority = priority
        self.labels = labels
        self.exclude = exclude
        self.top = top
        self.directory = directory
    }
}
