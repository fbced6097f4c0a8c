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
        // Collected, so compared.
        #expect(!isDeliberate("node_textfile_scrape_error"))
        #expect(!isDeliberate("node_textfile_mtime_seconds"))
        // Told of what no host of these tests has.
        #expect(isDeliberate("node_systemd_socket_current_connections"))
        #expect(isDeliberate("node_bcache_active_journal_entries"))
    }

    /// Disks that udev describes, tapes, fabrics, virtual services: what no recorded host has.
    @Test func whatIsNotCollectedOfRareHardwareIsListed() async throws {
        let program: String = try #require(NodeExporter.program)
        let tree = try FixtureTree(files: Self.rareHardware)
        let enabled: [String] = ["cpu", "diskstats", "fibrechannel", "infiniband", "ipvs", "tapestats", "zfs"]
        let exporter = try await NodeExporter(
            program, root: tree.path,
            ["--collector.disable-defaults", "--path.udev.data=\(tree.path)/udev"]
                + enabled.map { "--collector.\($0)" })
        let theirs: Set<String> = Set(try exporter.scrape().values.keys.map(\.name).filter { $0.hasPrefix("node_") })
        let parts: [String] = [
            "cpu_isolated", "disk_ata_", "disk_filesystem_", "disk_device_mapper_", "fibrechannel_", "infiniband_",
            "ipvs_", "tape_", "zfs_",
        ]
        for part in parts {
            #expect(theirs.contains { $0.hasPrefix("node_\(part)") }, "node_exporter does not see \(part)")
        }
        let ours: [Series: Double] = await collectAll(
            tree.files, without: [.filesystem, .time, .textfile, .units, .containers])
        for name in theirs.subtracting(ours.keys.map(\.name)).sorted() {
            #expect(isDeliberate(name), "only in node_exporter: \(name)")
        }
    }

    private static var rareHardware: [String: String] {
        var files: [String: String] = [
            "/proc/stat": "cpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\n",
            "/sys/devices/system/cpu/cpu0/x": "", "/sys/devices/system/cpu/cpu1/x": "",
            "/sys/devices/system/cpu/isolated": "1\n",
            "/proc/diskstats": "8 0 sda 1 2 3 4 5 6 7 8 0 10 11\n252 0 dm-0 1 2 3 4 5 6 7 8 0 10 11\n",
            "/udev/b8:0":
                "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=1\n"
                + "E:ID_ATA_ROTATION_RATE_RPM=7200\nE:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=u\n",
            "/udev/b252:0": "E:DM_NAME=n\nE:DM_UUID=u\nE:DM_VG_NAME=v\nE:DM_LV_NAME=l\n",
            "/proc/net/ip_vs":
                "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
                + "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  C0A80016:0CEA wlc\n"
                + "  -> C0A85216:0CEA      Tunnel  100    248        2\n",
            "/proc/net/ip_vs_stats":
                "   Total Incoming Outgoing         Incoming         Outgoing\n"
                + "   Conns  Packets  Packets            Bytes            Bytes\n"
                + " 16AA370 E33656E5        0     51D8C8883AB3        0\n\n",
            "/proc/spl/kstat/zfs/arcstats": "6 1 0x01 91 4368 5 9\nname  type data\nhits  4    8772612\n",
        ]
        func add(_ folder: String, _ content: String, _ names: String) {
            for name in names.split(separator: " ") { files["\(folder)/\(name)"] = content }
        }
        add(
            "/sys/class/scsi_tape/st0/stats", "1\n",
            "in_flight io_ns other_cnt read_byte_cnt read_cnt read_ns resid_cnt write_byte_cnt write_cnt write_ns")
        let fabric = "/sys/class/fc_host/host0"
        add(fabric, "0x1\n", "fabric_name node_name port_id port_name")
        add(
            fabric, "x\n",
            "port_state port_type speed supported_classes supported_speeds symbolic_name")
        add(fabric, "30\n", "dev_loss_tmo")
        add(
            "\(fabric)/statistics", "0x1\n",
            "dumped_frames error_frames fcp_packet_aborts invalid_tx_word_count invalid_crc_count link_failure_count "
                + "loss_of_signal_count loss_of_sync_count nos_count rx_frames rx_words seconds_since_last_reset "
                + "tx_frames tx_words")
        let infiniband = "/sys/class/infiniband/mlx4_0"
        add(infiniband, "x\n", "board_id fw_ver hca_type")
        files["\(infiniband)/ports/1/state"] = "4: ACTIVE\n"
        files["\(infiniband)/ports/1/phys_state"] = "5: LinkUp\n"
        files["\(infiniband)/ports/1/rate"] = "40 Gb/sec (4X QDR)\n"
        files["\(infiniband)/ports/1/counters/link_downed"] = "0\n"
        return files
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
