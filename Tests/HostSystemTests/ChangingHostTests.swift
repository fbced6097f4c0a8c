import Declarations
import HostSystem
import Runtime
import Telemetry
import TestSupport
import Testing

/// All collectors of one host, which keep what they learn from look to look.
private struct Agent {
    private struct Part {
        var collector: any HostCollector
        var collected = Collected()

        mutating func look() async {
            collected.begin()
            await collector.collect(into: &collected)
        }
    }

    private var parts: [Part]

    /// Without what depends on the machine that the tests run on.
    private static let others: Set<CollectorSpec.Source> = [.filesystem, .time, .textfile, .units]

    init(_ files: any HostFiles) {
        let dependencies = CollectorDependencies(files: files, clock: ContinuousClock(), engines: [])
        parts = CollectorSpec.Source.allCases.filter { !Self.others.contains($0) }.map {
            Part(collector: makeCollector($0, exclude: [], dependencies))
        }
    }

    mutating func look() async -> [String: Double] {
        var all: [String: Double] = [:]
        for place in parts.indices {
            await parts[place].look()
            for found in parts[place].collected.measurements { all[found.series.description] = found.value }
        }
        return all
    }

    var problems: [String] { parts.flatMap(\.collected.problems) }
}

/// What a kernel does between two looks.
@Suite struct ChangingHostTests {
    // Shows F-AG-01 F-AG-04 F-AG-05
    @Test func whatIsTakenOutIsGoneAndEverythingElseStays() async throws {
        let tree = try FixtureTree("container-host-6.1")
        var agent = Agent(tree.files)
        let before: [String: Double] = await agent.look()
        try removeParts(of: tree)
        let after: [String: Double] = await agent.look()
        #expect(agent.problems == [])
        let gone: Set<String> = Set(before.keys).subtracting(after.keys)
        #expect(Set(after.keys).subtracting(before.keys) == [])
        for series in gone { #expect(isOfWhatIsGone(series), "\(series) is gone, and its device is not") }
        for series in after.keys { #expect(!isOfWhatIsGone(series), "\(series) is there, and its device is not") }
        // 10 modes, 3 of the scheduler, 3 of packets, 5 of its clock; 17 of the disk; 16 and 22 of the interface, …
        #expect(gone.count { $0.contains("cpu=\"3\"") } == 21)
        #expect(gone.count { $0.contains("device=\"sdb\"") } == 17)
        #expect(gone.count { $0.contains("device=\"veth1c2d3e4\"") } > 30)
        #expect(gone.count { $0.contains("name=\"9c1f9c1f9c1f\"") } > 10)
        // What is left is what it was.
        for (series, value) in after where series != "plumb_containers" && !series.contains("plumb_program") {
            #expect(before[series] == value, "\(series)")
        }
        #expect(after["plumb_containers"] == 3)
    }

    @Test func whatComesBackBeginsAnew() async throws {
        let tree = try FixtureTree("container-host-6.1")
        let disks: String = try tree.text("/proc/diskstats")
        var agent = Agent(tree.files)
        let before: [String: Double] = await agent.look()
        try removeParts(of: tree)
        _ = await agent.look()
        let fresh = "   8      16 sdb 1 0 8 1 0 0 0 0 0 1 1 0 0 0 0 0 0"
        try tree.set(
            "/proc/diskstats",
            disks.split(separator: "\n").map { $0.contains("sdb") ? fresh : String($0) }.joined(separator: "\n") + "\n")
        let after: [String: Double] = await agent.look()
        #expect(agent.problems == [])
        #expect(before[#"node_disk_reads_completed_total{device="sdb"}"#] == 402_939)
        #expect(after[#"node_disk_reads_completed_total{device="sdb"}"#] == 1)
        #expect(after[#"node_disk_reads_completed_total{device="sda"}"#] == 402_938)
    }

    /// A processor, a disk, an interface, a sensor and a container.
    private func removeParts(of tree: FixtureTree) throws {
        try drop("cpu3 ", from: "/proc/stat", of: tree)
        try drop("cpu3 ", from: "/proc/schedstat", of: tree)
        try drop(" 00000003 00000000 00000000", from: "/proc/net/softnet_stat", of: tree)
        try tree.remove("/sys/devices/system/cpu/cpu3")
        try drop(" sdb ", from: "/proc/diskstats", of: tree)
        try drop("veth1c2d3e4", from: "/proc/net/dev", of: tree)
        try tree.remove("/sys/class/net/veth1c2d3e4")
        try tree.remove("/sys/class/hwmon/hwmon0")
        try tree.remove("/sys/fs/cgroup/system.slice/docker-\(String(repeating: "9c1f", count: 16)).scope")
    }

    private func isOfWhatIsGone(_ series: String) -> Bool {
        ["cpu=\"3\"", "device=\"sdb\"", "device=\"veth1c2d3e4\"", "node_hwmon_", "name=\"9c1f9c1f9c1f\""].contains {
            series.contains($0)
        }
    }

    private func drop(_ part: String, from path: String, of tree: FixtureTree) throws {
        let kept: [Substring] = try tree.text(path).split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains(part) }
        try tree.set(path, kept.joined(separator: "\n"))
    }

    /// An interface's driver that counts with 32 bits comes around; a kernel's count of requests falls below nothing. The
    /// agent tells what the kernel says: `rate()` knows a counter that went back.
    // Shows F-AG-04 F-AG-05
    @Test func countersThatGoBackAreToldAsTheyAre() async throws {
        let tree = try FixtureTree("container-host-6.1")
        func setTraffic(_ bytes: UInt64) throws {
            try tree.set(
                "/proc/net/dev", "a\nb\n  eno1: \(bytes) 2 0 0 0 0 0 0 \(bytes) 4 0 0 0 0 0 0\n")
        }
        func setDisk(reads: UInt64, underway: UInt64) throws {
            try tree.set("/proc/diskstats", "   8       0 sda \(reads) 0 0 0 0 0 0 0 \(underway) 0 0 0 0 0 0 0 0\n")
        }
        var agent = Agent(tree.files)
        try setTraffic(4_294_967_295)
        try setDisk(reads: 4_294_967_290, underway: 1)
        var seen: [String: Double] = await agent.look()
        #expect(seen[#"node_network_receive_bytes_total{device="eno1"}"#] == 4_294_967_295)
        try setTraffic(11)
        try setDisk(reads: 3, underway: .max)
        seen = await agent.look()
        #expect(agent.problems == [])
        #expect(seen[#"node_network_receive_bytes_total{device="eno1"}"#] == 11)
        #expect(seen[#"node_network_transmit_bytes_total{device="eno1"}"#] == 11)
        #expect(seen[#"node_disk_reads_completed_total{device="sda"}"#] == 3)
        #expect(seen[#"node_disk_io_now{device="sda"}"#] == Double(UInt64.max))
        try setTraffic(.max)
        seen = await agent.look()
        #expect(seen[#"node_network_receive_bytes_total{device="eno1"}"#] == Double(UInt64.max))
    }

    /// A machine that was restored from a snapshot: everything is less than before, at once.
    @Test func aHostThatStartsAgainIsToldWithoutAnythingOfItsLife() async throws {
        let tree = try FixtureTree("container-host-6.1")
        var agent = Agent(tree.files)
        _ = await agent.look()
        let young = try FixtureTree("container-6.1")
        for path in ["/proc/stat", "/proc/vmstat", "/proc/net/dev", "/proc/net/snmp", "/proc/diskstats"] {
            try tree.set(path, try young.text(path))
        }
        let after: [String: Double] = await agent.look()
        var other = Agent(tree.files)
        let alone: [String: Double] = await other.look()
        #expect(agent.problems == [])
        // Programs are told for a while after they were among the first.
        #expect(
            after.filter { !$0.key.contains("plumb_program") } == alone.filter { !$0.key.contains("plumb_program") })
    }
}

/// A machine with 256 processors, whose files are longer than one read.
@Suite struct LargeHostTests {
    private static let processors = 256

    private func files() -> [String: String] {
        let numbers = 0..<Self.processors
        var files: [String: String] = [
            "/proc/stat": "cpu  1 1 1 1 1 1 1 1 1 1\n"
                + numbers.map { "cpu\($0) \($0)00 1 2 3 4 5 6 7 8 9\n" }.joined()
                + "intr 123456789" + String(repeating: " 0", count: 100_000) + "\nctxt 77\nbtime 5\nprocesses 6\n"
                + "procs_running 3\nprocs_blocked 1\n",
            "/proc/schedstat": "version 15\ntimestamp 1\n"
                + numbers.map {
                    "cpu\($0) 0 0 0 0 0 0 \($0)000000000 5 7\n"
                        + "domain0 \(String(repeating: "f", count: 64)) \(String(repeating: "0 ", count: 45))\n"
                }.joined(),
            "/proc/net/softnet_stat": numbers.map { number in
                let processor = String(number, radix: 16)
                let columns: [String] = ["000000ff", "00000001", "00000002"] + Array(repeating: "00000000", count: 9)
                return (columns + [String(repeating: "0", count: 8 - processor.count) + processor]).joined(
                    separator: " ")
                    + "\n"
            }.joined(),
            "/proc/loadavg": "300.1 2.2 3.3 1/2 3\n",
        ]
        for number in numbers {
            let folder = "/sys/devices/system/cpu/cpu\(number)"
            files["\(folder)/cpufreq/scaling_cur_freq"] = "\(number)\n"
            files["\(folder)/topology/physical_package_id"] = "\(number / 128)\n"
            files["\(folder)/topology/core_id"] = "\(number / 2 % 64)\n"
            files["\(folder)/thermal_throttle/core_throttle_count"] = "1\n"
            files["\(folder)/thermal_throttle/package_throttle_count"] = "2\n"
        }
        return files
    }

    // Shows F-AG-01
    @Test func everyProcessorIsToldAndTheSecondLookLearnsNothing() async throws {
        let tree = try FixtureTree(files: files())
        let dependencies = CollectorDependencies(files: tree.files, clock: ContinuousClock())
        for (source, series) in [
            // 10 modes and a frequency each, 128 cores, 2 packages, 4 totals.
            (CollectorSpec.Source.cpu, 256 * 11 + 128 + 2 + 4), (.scheduler, 256 * 3), (.softnet, 256 * 3), (.load, 5),
        ] {
            var collector = makeCollector(source, exclude: [], dependencies)
            var collected = Collected()
            await collector.collect(into: &collected)
            #expect(collected.problems == [])
            #expect(collected.presentCount == series, "\(source)")
            let first: [Series] = collected.series
            collected.begin()
            await collector.collect(into: &collected)
            #expect(collected.series == first)
            #expect(collected.presentCount == series)
        }
    }

    // Shows F-AG-01
    @Test func whatStandsBehindALongLineIsRead() async throws {
        let tree = try FixtureTree(files: files())
        var collector = makeCollector(
            .cpu, exclude: [], CollectorDependencies(files: tree.files, clock: ContinuousClock()))
        let collected: Collected = await collector.collect()
        #expect(collected[#"node_cpu_seconds_total{cpu="255",mode="user"}"#] == 255)
        #expect(collected["node_intr_total"] == 123_456_789)
        #expect(collected["node_forks_total"] == 6)
        #expect(collected[#"node_cpu_scaling_frequency_hertz{cpu="255"}"#] == 255_000)
    }
}
