package import Declarations
import Runtime
package import Telemetry

/// One value of one series, now.
package struct Measurement: Hashable, Sendable {
    package var series: Telemetry.Series
    package var value: Double

    package init(_ series: Telemetry.Series, _ value: Double) {
        self.series = series
        self.value = value
    }
}

/// What one look at the host gave. Part of it may be missing: then it says what and why.
package struct Collected: Hashable, Sendable {
    package var measurements: [Measurement] = []
    /// Why measurements are missing that should be there: the collector counts as failing.
    package var problems: [String] = []
    /// What is wrong with the host rather than with the collector, such as a mount that does not answer.
    package var remarks: [String] = []

    package init() {}

    mutating func add(_ name: String, _ labels: Labels = .none, _ value: Double) {
        measurements.append(Measurement(Series(name, labels), value))
    }
}

/// Reads one area of the host. Counters are cumulative, as the kernel gives them.
package protocol HostCollector: Sendable {
    /// The name that node_exporter gives this area, for the label `collector`.
    var name: String { get }
    /// Looks at the host. Never throws: what could not be read is among the problems, the rest is delivered.
    mutating func collect() async -> Collected
}

/// Where collectors look, and with what patience.
package struct CollectorDependencies: Sendable {
    package var files: any HostFiles
    package var clock: any Clock<Duration>
    /// Shared by all collectors that stat mounts, so that one stuck mount costs one thread.
    package var probes: MountProbes
    /// How long a mount may take to say how full it is. node_exporter's default.
    package var mountTimeout: Duration

    package init(
        files: any HostFiles, clock: any Clock<Duration>, probes: MountProbes = MountProbes(),
        mountTimeout: Duration = .seconds(5)
    ) {
        self.files = files
        self.clock = clock
        self.probes = probes
        self.mountTimeout = mountTimeout
    }
}

/// The collector of a source. `exclude` holds shell globs for what to leave out.
package func makeCollector(
    _ source: CollectorSpec.Source, exclude: [String], _ dependencies: CollectorDependencies
) -> any HostCollector {
    let exclusion = Exclusion(exclude)
    let files: any HostFiles = dependencies.files
    switch source {
    case .cpu: return CPUCollector(files: files, exclusion: exclusion)
    case .memory: return MemoryCollector(files: files, exclusion: exclusion)
    case .filesystem: return FilesystemCollector(dependencies, exclusion: exclusion)
    case .disk: return DiskCollector(files: files, exclusion: exclusion)
    case .network: return NetworkCollector(files: files, exclusion: exclusion)
    case .load: return LoadCollector(files: files, exclusion: exclusion)
    }
}

extension HostCollector {
    /// Collects, and adds the two series in which node_exporter reports on the collector itself.
    package mutating func scrape(clock: any Clock<Duration>) async -> Collected {
        let elapsed = clock.stopwatch()
        var collected: Collected = await collect()
        let labels: Labels = ["collector": name]
        collected.add("node_scrape_collector_duration_seconds", labels, elapsed().inSeconds)
        collected.add("node_scrape_collector_success", labels, collected.problems.isEmpty ? 1 : 0)
        return collected
    }
}

extension Clock where Duration == Swift.Duration {
    /// Says how long ago it was made.
    package func stopwatch() -> @Sendable () -> Swift.Duration {
        let start: Instant = now
        return { start.duration(to: now) }
    }
}
