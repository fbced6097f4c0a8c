package import Declarations
import Runtime
import Telemetry

/// Reads one area of the host. Counters are cumulative, as the kernel gives them.
package protocol HostCollector: Sendable {
    /// The name that node_exporter gives this area, for the label `collector`.
    var name: String { get }
    /// What it is told to leave out.
    var exclusion: Exclusion { get }
    /// Looks at the host. Never throws: what could not be read is among the problems, the rest is delivered. Values are
    /// added in the same order each time, as far as the host stays as it is.
    mutating func collect(into collected: inout Collected) async
}

/// Where collectors look, and with what patience.
package struct CollectorDependencies: Sendable {
    package var files: any HostFiles
    package var clock: any Clock<Duration>
    /// Shared by all collectors that stat mounts, so that one stuck mount costs one thread.
    package var probes: MountProbes
    /// How long a mount may take to say how full it is. node_exporter's default.
    package var mountTimeout: Duration
    /// Leads to what tells of systemd's units.
    package var bus: any UnitBus
    /// What knows containers by name.
    package var engines: [any ContainerEngine]

    package init(
        files: any HostFiles, clock: any Clock<Duration>, probes: MountProbes = MountProbes(),
        mountTimeout: Duration = .seconds(5),
        bus: any UnitBus = SystemdBus.Address(),
        engines: [any ContainerEngine] = EngineSocket.usual
    ) {
        self.bus = bus
        self.engines = engines
        self.files = files
        self.clock = clock
        self.probes = probes
        self.mountTimeout = mountTimeout
    }
}

extension CollectorSpec.Source {
    /// Whether it reads nothing but counters that the kernel has in memory: none of it waits for a device, a driver or
    /// another program, so it holds up nobody.
    package var readsCountersOnly: Bool {
        switch self {
        case .load, .scheduler, .memory, .vmstat, .pressure, .disk, .netstat, .sockstat, .softnet, .conntrack, .filefd,
            .time:
            true
        case .cpu, .filesystem, .network, .interfaces, .temperature, .processes, .units, .containers, .mdraid, .nvme,
            .textfile:
            false
        }
    }
}

/// The collector of a source with its usual settings. `exclude` holds shell globs for what to leave out.
package func makeCollector(
    _ source: CollectorSpec.Source, exclude: [String], _ dependencies: CollectorDependencies
) -> any HostCollector {
    makeCollector(
        CollectorSpec(source: source, interval: .seconds(10), hosts: .all, exclude: exclude), dependencies)
}

/// What obeys `spec`.
package func makeCollector(_ spec: CollectorSpec, _ dependencies: CollectorDependencies) -> any HostCollector {
    let exclusion = Exclusion(spec.exclude)
    let files: any HostFiles = dependencies.files
    return switch spec.source {
    case .cpu: CPUCollector(files: files, exclusion: exclusion)
    case .load: LoadCollector(files: files, exclusion: exclusion)
    case .scheduler: SchedulerCollector(files: files, exclusion: exclusion)
    case .memory: MemoryCollector(files: files, exclusion: exclusion)
    case .vmstat: VMStatCollector(files: files, exclusion: exclusion)
    case .pressure: PressureCollector(files: files, exclusion: exclusion)
    case .filesystem: FilesystemCollector(dependencies, exclusion: exclusion)
    case .disk: DiskCollector(files: files, exclusion: exclusion)
    case .network: NetworkCollector(files: files, exclusion: exclusion)
    case .interfaces: InterfacesCollector(files: files, exclusion: exclusion)
    case .netstat: NetstatCollector(files: files, exclusion: exclusion)
    case .sockstat: SockstatCollector(files: files, exclusion: exclusion)
    case .softnet: SoftnetCollector(files: files, exclusion: exclusion)
    case .conntrack: ConntrackCollector(files: files, exclusion: exclusion)
    case .filefd: FileDescriptorsCollector(files: files, exclusion: exclusion)
    case .time: TimeCollector(files: files, exclusion: exclusion)
    case .temperature: TemperatureCollector(files: files, exclusion: exclusion)
    case .processes: ProcessesCollector(files: files, exclusion: exclusion, top: spec.top)
    case .units: UnitsCollector(exclusion: exclusion, bus: dependencies.bus)
    case .containers:
        ContainersCollector(files: files, exclusion: exclusion, engines: dependencies.engines)
    case .mdraid: RAIDCollector(files: files, exclusion: exclusion)
    case .nvme: NVMeCollector(files: files, exclusion: exclusion)
    case .textfile: TextFileCollector(files: files, exclusion: exclusion, directory: spec.directory)
    }
}

extension HostCollector {
    /// One look, by itself.
    package mutating func collect() async -> Collected {
        var collected = Collected(exclusion: exclusion)
        await collect(into: &collected)
        return collected
    }

    /// One look by itself, as ``scrape(into:clock:)`` does it.
    package mutating func scrape(clock: any Clock<Duration>) async -> Collected {
        var collected = Collected(exclusion: exclusion)
        await scrape(into: &collected, clock: clock)
        return collected
    }

    /// Collects, and adds the two series in which node_exporter reports on the collector itself.
    package mutating func scrape(into collected: inout Collected, clock: any Clock<Duration>) async {
        let elapsed = clock.stopwatch()
        collected.begin()
        await collect(into: &collected)
        let name: Bytes = Array(self.name.utf8)[...]
        collected.add("node_scrape_collector_duration_seconds", "collector", name, elapsed().inSeconds)
        collected.add("node_scrape_collector_success", "collector", name, collected.problems.isEmpty ? 1 : 0)
    }

    /// The content of a file; nil where it cannot be read, which is a problem of the collector.
    func content(_ path: String, _ files: any HostFiles, _ collected: inout Collected) -> [UInt8]? {
        do throws(FileError) { return try files.read(path) } catch {
            collected.problems.append(error.description)
            return nil
        }
    }

    /// The content of a file that not every host has; nil where it is missing. Anything else is a problem.
    func contentIfPresent(_ path: String, _ files: any HostFiles, _ collected: inout Collected) -> [UInt8]? {
        do throws(FileError) { return try files.read(path) } catch {
            if !error.isAbsent { collected.problems.append(error.description) }
            return nil
        }
    }
}
