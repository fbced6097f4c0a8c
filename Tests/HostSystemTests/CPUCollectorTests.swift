import Declarations
import HostSystem
import Testing

/// Two processors; the columns are user nice system idle iowait irq softirq steal guest guest_nice, in hundredths.
private let stat = """
    cpu  300 30 500 9000 70 4 8 12 50 6
    cpu0 100 10 200 4000 30 1 3 5 20 2
    cpu1 200 20 300 5000 40 3 5 7 30 4
    intr 585005 0 0 1 1 17 0 257 180
    ctxt 728392
    btime 1795218346
    processes 18420
    procs_running 3
    procs_blocked 1
    softirq 403804 0 47376

    """

@Suite struct CPUCollectorTests {
    private func collector(_ files: RecordedHostFiles, exclude: [String] = []) -> any HostCollector {
        makeCollector(.cpu, exclude: exclude, dependencies(files))
    }

    // Shows F-AG-01 F-AG-11
    @Test func everyModeOfEveryProcessorIsACounterInSeconds() async {
        var collector = collector(RecordedHostFiles(["/proc/stat": stat]))
        let collected: Collected = await collector.collect()
        #expect(collected.problems == [])
        #expect(
            collected.lines == [
                #"node_boot_time_seconds 1795218346.0"#, #"node_context_switches_total 728392.0"#,
                #"node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.02"#,
                #"node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.2"#,
                #"node_cpu_guest_seconds_total{cpu="1",mode="nice"} 0.04"#,
                #"node_cpu_guest_seconds_total{cpu="1",mode="user"} 0.3"#,
                #"node_cpu_seconds_total{cpu="0",mode="idle"} 40.0"#,
                #"node_cpu_seconds_total{cpu="0",mode="iowait"} 0.3"#,
                #"node_cpu_seconds_total{cpu="0",mode="irq"} 0.01"#,
                #"node_cpu_seconds_total{cpu="0",mode="nice"} 0.1"#,
                #"node_cpu_seconds_total{cpu="0",mode="softirq"} 0.03"#,
                #"node_cpu_seconds_total{cpu="0",mode="steal"} 0.05"#,
                #"node_cpu_seconds_total{cpu="0",mode="system"} 2.0"#,
                #"node_cpu_seconds_total{cpu="0",mode="user"} 1.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="idle"} 50.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="iowait"} 0.4"#,
                #"node_cpu_seconds_total{cpu="1",mode="irq"} 0.03"#,
                #"node_cpu_seconds_total{cpu="1",mode="nice"} 0.2"#,
                #"node_cpu_seconds_total{cpu="1",mode="softirq"} 0.05"#,
                #"node_cpu_seconds_total{cpu="1",mode="steal"} 0.07"#,
                #"node_cpu_seconds_total{cpu="1",mode="system"} 3.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="user"} 2.0"#,
                #"node_forks_total 18420.0"#, #"node_intr_total 585005.0"#,
            ])
    }

    // Shows F-AG-01
    @Test func aProcessorThatIsTakenOutIsGoneAndOneThatComesBackBeginsAnew() async {
        let files = RecordedHostFiles(["/proc/stat": stat])
        var collector = collector(files)
        _ = await collector.collect()
        files.set("/proc/stat", "cpu0 110 10 200 4100 30 1 3 5 20 2\n")
        let alone: Collected = await collector.collect()
        #expect(alone[#"node_cpu_seconds_total{cpu="1",mode="user"}"#] == nil)
        #expect(alone[#"node_cpu_seconds_total{cpu="0",mode="user"}"#] == 1.1)
        files.set("/proc/stat", "cpu0 110 10 200 4100 30 1 3 5 20 2\ncpu1 7 0 1 9 0 0 0 0 0 0\n")
        let back: Collected = await collector.collect()
        #expect(back[#"node_cpu_seconds_total{cpu="1",mode="user"}"#] == 0.07)
    }

    // Shows F-AG-01
    @Test func aCounterThatGoesBackALittleIsHeldAndARestartIsNot() async {
        let files = RecordedHostFiles(["/proc/stat": stat])
        var collector = collector(files)
        _ = await collector.collect()
        files.set("/proc/stat", "cpu0 101 10 200 3999 25 1 3 5 20 2\n")
        let held: Collected = await collector.collect()
        #expect(held[#"node_cpu_seconds_total{cpu="0",mode="idle"}"#] == 40)
        #expect(held[#"node_cpu_seconds_total{cpu="0",mode="iowait"}"#] == 0.3)
        #expect(held[#"node_cpu_seconds_total{cpu="0",mode="user"}"#] == 1.01)
        files.set("/proc/stat", "cpu0 5 0 2 100 0 0 0 0 0 0\n")
        let restarted: Collected = await collector.collect()
        #expect(restarted[#"node_cpu_seconds_total{cpu="0",mode="idle"}"#] == 1)
        #expect(restarted[#"node_cpu_seconds_total{cpu="0",mode="user"}"#] == 0.05)
    }

    // Shows F-AG-10
    @Test func aLineThatMakesNoSenseIsNamedAndTheRestDelivered() async {
        let files = RecordedHostFiles([
            "/proc/stat": "cpu0 1 2 x 4\ncpu1 100 0 0 100\nctxt\nbtime 99999999999999999999999\nprocesses 5\n"
        ])
        var collector = collector(files)
        let collected: Collected = await collector.collect()
        #expect(
            collected.lines == [
                #"node_cpu_seconds_total{cpu="1",mode="idle"} 1.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="nice"} 0.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="system"} 0.0"#,
                #"node_cpu_seconds_total{cpu="1",mode="user"} 1.0"#, "node_forks_total 5.0",
            ])
        #expect(
            collected.problems == [
                "/proc/stat: cpu0: expected at least four numbers", "/proc/stat: ctxt: no number",
                "/proc/stat: btime: no number",
            ])
    }

    @Test func globsLeaveOutMetricsByName() async {
        var collector = collector(RecordedHostFiles(["/proc/stat": stat]), exclude: ["node_cpu_*", "*_total"])
        #expect(await collector.collect().lines == ["node_boot_time_seconds 1795218346.0"])
    }

    // Shows F-AG-10
    @Test func aScrapeReportsOnTheCollectorItself() async {
        var good = collector(RecordedHostFiles(["/proc/stat": stat]))
        #expect(await good.scrape(clock: ContinuousClock())[#"node_scrape_collector_success{collector="cpu"}"#] == 1)
        var bad = collector(RecordedHostFiles([:]))
        let collected: Collected = await bad.scrape(clock: ContinuousClock())
        #expect(collected[#"node_scrape_collector_success{collector="cpu"}"#] == 0)
        #expect(collected.problems == ["cannot read /proc/stat: No such file or directory"])
    }
}
