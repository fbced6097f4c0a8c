import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

/// The deliberate differences, as docs/reference/collectors.md lists them: globs of metric names.
private let differences: [Glob] = {
    let root: String = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    guard let text = try? Files.text("\(root)/docs/reference/collectors.md") else { return [] }
    let section: [Substring] = text.split(separator: "\n").drop { !$0.hasPrefix("## Differences from node_exporter") }[
        ...
    ]
    .map { $0 }
    return section.filter { $0.hasPrefix("| `") }.flatMap { row in
        (row.split(separator: "|").first ?? "").split(separator: "`").filter { $0.hasPrefix("node_") }.map {
            Glob(String($0))
        }
    }
}()

private func isDeliberate(_ name: String) -> Bool { differences.contains { $0.matches(name) } }

/// Everything that all collectors say at once.
private func collectAll(
    _ files: any HostFiles, without: Set<CollectorSpec.Source> = []
) async -> [Series: Double] {
    var all: [Series: Double] = [:]
    let dependencies = CollectorDependencies(files: files, clock: ContinuousClock())
    for source in CollectorSpec.Source.allCases where !without.contains(source) {
        var collector = makeCollector(source, exclude: [], dependencies)
        for measurement in await collector.collect().measurements { all[measurement.series] = measurement.value }
    }
    return all
}

@Suite(.enabled(if: NodeExporter.program != nil, "prometheus-node-exporter is not installed"))
struct NodeExporterComparisonTests {
    /// Debian's does not leave out disks in compressed memory yet.
    private static let newerDiskExclusion =
        "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$"

    @Test func theListOfDifferencesIsRead() {
        #expect(isDeliberate("node_disk_info"))
        #expect(!isDeliberate("node_cpu_seconds_total"))
    }

    // Shows F-AG-01 F-AG-02 F-AG-03 F-AG-04 F-AG-05
    @Test func onThisMachineNamesLabelsAndValuesAreTheSame() async throws {
        let program: String = try #require(NodeExporter.program)
        let exporter = try await NodeExporter(
            program,
            [
                "--collector.processes", "--no-collector.netdev.netlink", "--collector.netdev.device-exclude=^$",
                // Debian's leaves out /mnt besides, and lo.
                Self.newerDiskExclusion,
                "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys)($|/)",
            ])
        let before: NodeExporter.Scrape = try exporter.scrape()
        let ours: [Series: Double] = await collectAll(LinuxHostFiles(), without: [.units, .containers])
        let after: NodeExporter.Scrape = try exporter.scrape()
        for (series, value) in ours.sorted(by: { $0.key < $1.key }) where !isDeliberate(series.name) {
            // A process may be in a state for a moment only.
            if series.name == "node_processes_state" { continue }
            guard let low = before.values[series], let high = after.values[series] else {
                Issue.record("only here: \(series) \(value)")
                continue
            }
            let isRight: Bool =
                before.counters.contains(series.name) || series.name.hasSuffix("_total")
                ? value >= low - slack(low) && value <= high + slack(high)
                : isNear(value, low, high)
            #expect(isRight, "\(series): \(value) is not between \(low) and \(high)")
        }
        let devices: Set<String> = Set(ours.keys.compactMap { $0.labels["device"] })
        for series in before.values.keys.sorted() where ours[series] == nil && series.name.hasPrefix("node_") {
            // A file system that is mounted twice is told once.
            if series.name == "node_processes_state" { continue }
            if series.name.hasPrefix("node_filesystem_"), devices.contains(series.labels["device"] ?? "") { continue }
            #expect(isDeliberate(series.name), "only in node_exporter: \(series)")
        }
    }

    /// On a recorded host nothing moves: values are equal.
    @Test(arguments: FixtureTree.hosts)
    func onARecordedHostNamesLabelsAndValuesAreEqual(host: String) async throws {
        let program: String = try #require(NodeExporter.program)
        let tree = try FixtureTree(host)
        let enabled: [String] = [
            "conntrack", "cpu", "cpufreq", "diskstats", "filefd", "hwmon", "loadavg", "mdadm", "meminfo", "netclass",
            "netdev", "netstat", "nvme", "pressure", "processes", "schedstat", "sockstat", "softnet", "stat",
            "thermal_zone", "vmstat",
        ]
        let exporter = try await NodeExporter(
            program, root: tree.path,
            [
                "--collector.disable-defaults", "--no-collector.netdev.netlink",
                "--collector.netdev.device-exclude=^$", Self.newerDiskExclusion,
            ]
                + enabled.map { "--collector.\($0)" })
        let theirs: NodeExporter.Scrape = try exporter.scrape()
        let ours: [Series: Double] = await collectAll(
            tree.files, without: [.filesystem, .time, .textfile, .units, .containers])
        #expect(ours.count > 50)
        for (series, value) in ours.sorted(by: { $0.key < $1.key }) where !isDeliberate(series.name) {
            let other: Double? = theirs.values[series]
            #expect(
                other.map { abs($0 - value) <= abs(value) * 1e-9 } ?? false,
                "\(series): \(value) here, \(other.map { "\($0)" } ?? "nothing") in node_exporter")
        }
        for series in theirs.values.keys.sorted() where ours[series] == nil && series.name.hasPrefix("node_") {
            #expect(isDeliberate(series.name), "only in node_exporter: \(series)")
        }
    }

    private func slack(_ value: Double) -> Double { abs(value) * 1e-9 + 1e-6 }

    /// A gauge moves while it is looked at, on a machine that runs tests besides.
    private func isNear(_ value: Double, _ first: Double, _ second: Double) -> Bool {
        let reach: Double = max(abs(first), abs(second)) * 0.25 + 512 * 1024 * 1024 * (abs(first) > 1e7 ? 1 : 0) + 50
        return value >= min(first, second) - reach && value <= max(first, second) + reach
    }
}
