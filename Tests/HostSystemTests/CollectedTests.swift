import Declarations
import HostSystem
import Telemetry
import Testing

/// `Collected` remembers what stood where. These tests move things about.
@Suite struct CollectedTests {
    private func dev(_ interfaces: [String]) -> String {
        "h\nh\n"
            + interfaces.map { name in
                let number: Int = name.utf8.reduce(0) { $0 + Int($1) }
                return "\(name): " + (1...16).map { "\(number + $0)" }.joined(separator: " ") + "\n"
            }.joined()
    }

    @Test func valuesStayWithTheirSeriesWhateverComesAndGoes() async {
        let files = RecordedHostFiles([:])
        var collector = makeCollector(.network, exclude: ["skip*"], dependencies(files))
        var kept = Collected()
        for interfaces in [
            ["lo", "eth0", "skip0", "wg0"], ["lo", "eth0", "skip0", "wg0"], ["eth0", "wg0"], ["wg0", "eth1", "lo"],
            ["skip0", "eth1"], [], ["lo", "eth0", "skip0", "wg0", "eth1"],
        ] {
            files.set("/proc/net/dev", dev(interfaces))
            kept.begin()
            await collector.collect(into: &kept)
            var fresh = makeCollector(.network, exclude: ["skip*"], dependencies(files))
            let expected: Collected = await fresh.collect()
            #expect(kept.lines == expected.lines)
            #expect(kept.presentCount == interfaces.count { !$0.hasPrefix("skip") } * 16)
            #expect(kept.presentCount == kept.measurements.count)
        }
        // A series keeps its place, so that the frames' list does not change when one comes back.
        #expect(kept.series.count == 4 * 16)
    }

    @Test func labelsOfTheResourceGoToEverySeriesThatHasNoneOfThatName() async {
        let files = RecordedHostFiles(["/proc/net/dev": dev(["eth0"])])
        var collector = makeCollector(.network, exclude: [], dependencies(files))
        var collected = Collected(
            exclude: ["node_network_t*", "*_receive_[c-z]*"], labels: ["device": "x", "rack": "7"])
        await collector.collect(into: &collected)
        #expect(collected.lines == [#"node_network_receive_bytes_total{device="eth0",rack="7"} 370.0"#])
    }

    // Shows F-AG-01
    @Test func aHostOf256ProcessorsIsRead() async {
        let processors: String = (0..<256).map { "cpu\($0) \($0 + 1) 0 2 3000 4 5 6 7 8 9\n" }.joined()
        let interrupts: String = "intr 9" + String(repeating: " 0", count: 60_000) + "\n"
        let files = RecordedHostFiles(["/proc/stat": "cpu 1 2 3 4\n" + processors + interrupts + "ctxt 77\n"])
        var collector = makeCollector(.cpu, exclude: [], dependencies(files))
        var collected = Collected()
        for _ in 1...2 {
            collected.begin()
            await collector.collect(into: &collected)
            #expect(collected.problems == [])
            #expect(collected.presentCount == 256 * 10 + 2)
            #expect(collected[#"node_cpu_seconds_total{cpu="255",mode="user"}"#] == 2.56)
            #expect(collected["node_intr_total"] == 9)
        }
    }
}
