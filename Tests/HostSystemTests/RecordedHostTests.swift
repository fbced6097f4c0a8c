import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import TestSupport
import Testing

@Suite struct RecordedHostTests {
    /// Everything that all collectors say of a recorded or composed host, against a text that is kept beside it. To make
    /// the text anew: `PLUMBLINE_RECORD=1`.
    // Shows F-AG-07
    @Test(arguments: FixtureTree.hosts)
    func aRecordedHostGivesTheRecordedText(host: String) async throws {
        let tree = try FixtureTree(host)
        var text = ""
        for source in CollectorSpec.Source.allCases where ![.filesystem, .time, .textfile, .units].contains(source) {
            var spec = CollectorSpec(source: source, interval: .seconds(10), hosts: .all)
            if source == .processes { spec.top = 2 }
            var collector = makeCollector(
                spec, CollectorDependencies(files: tree.files, clock: ContinuousClock()))
            let collected: Collected = await collector.collect()
            text += "# \(source.rawValue)\n"
            for line in collected.lines { text += line + "\n" }
            for problem in collected.problems { text += "! \(problem)\n" }
        }
        let folder: String = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let golden = "\(folder)/Fixtures/\(host).golden"
        if getenv("PLUMBLINE_RECORD") != nil { try Files.write(Array(text.utf8), to: golden) }
        #expect(try Files.text(golden).split(separator: "\n") == text.split(separator: "\n"))
    }
}

@Suite struct ProcessesCollectorTests {
    private struct Process {
        var pid: Int
        var program: String
        var ticks: Int
        var pages = 10
        var start = 5
        var addressSpace = 4096
    }

    private func host(_ processes: [Process]) -> RecordedHostFiles {
        var files: [String: String] = [
            "/proc/sys/kernel/threads-max": "100\n", "/proc/sys/kernel/pid_max": "200\n", "/proc/meminfo": "x\n",
        ]
        for process in processes {
            files["/proc/\(process.pid)/stat"] =
                "\(process.pid) (\(process.program)) S 1 1 1 0 -1 0 0 0 0 0 \(process.ticks) 0 0 0 20 0 1 0 "
                + "\(process.start) \(process.addressSpace) \(process.pages) 0 0\n"
        }
        return RecordedHostFiles(files)
    }

    private func programs(_ collected: Collected) -> [String] {
        collected.lines.filter { $0.hasPrefix("plumb_program_cpu") }.map {
            String($0.dropFirst("plumb_program_cpu_seconds_total".count))
        }
    }

    private func collect(_ looks: [[Process]], top: Int) async -> Collected {
        let spec = CollectorSpec(source: .processes, interval: .seconds(10), hosts: .all, top: top)
        let files = RecordedHostFiles([:])
        var collector = makeCollector(spec, dependencies(files))
        var collected = Collected()
        for look in looks {
            files.replace(by: host(look))
            collected.begin()
            await collector.collect(into: &collected)
        }
        return collected
    }

    @Test func programsThatUseMostAreToldByNameAndTheirProcessesTogether() async {
        let idle: [Process] = (1...20).map { Process(pid: $0, program: "idle\($0)", ticks: 100_000) }
        let collected: Collected = await collect(
            [
                idle + [
                    Process(pid: 50, program: "busy) x", ticks: 100), Process(pid: 51, program: "busy) x", ticks: 200),
                    Process(pid: 60, program: "large", ticks: 7, pages: 5000),
                ],
                idle + [
                    Process(pid: 50, program: "busy) x", ticks: 150), Process(pid: 51, program: "busy) x", ticks: 300),
                    Process(pid: 60, program: "large", ticks: 7, pages: 5000),
                ],
            ], top: 1)
        #expect(programs(collected) == [#"{program="busy) x"} 4.5"#, #"{program="large"} 0.07"#])
        #expect(collected[#"plumb_program_processes{program="busy) x"}"#] == 2)
        #expect(
            collected[#"plumb_program_resident_memory_bytes{program="large"}"#]
                == Double(5000 * sysconf(Int32(_SC_PAGESIZE))))
        #expect(collected["node_processes_pids"] == 23)
        #expect(collected[#"node_processes_state{state="S"}"#] == 23)
    }

    // Shows F-AG-06
    @Test func aProgramsCounterNeverGoesBackWhenOneOfItsProcessesEnds() async {
        let collected: Collected = await collect(
            [
                [Process(pid: 1, program: "a", ticks: 100), Process(pid: 2, program: "a", ticks: 900)],
                [Process(pid: 1, program: "a", ticks: 110)],
                // The number is used again by a younger process.
                [Process(pid: 1, program: "a", ticks: 110), Process(pid: 2, program: "a", ticks: 30, start: 9)],
            ], top: 1)
        #expect(programs(collected) == [#"{program="a"} 10.4"#])
    }

    @Test func threadsOfTheKernelAreOneProgramOfAKind() async {
        let collected: Collected = await collect(
            [
                [
                    Process(pid: 1, program: "kworker/0:1-events", ticks: 1, pages: 0, addressSpace: 0),
                    Process(pid: 2, program: "kworker/u4:2", ticks: 1, pages: 0, addressSpace: 0),
                ],
                [
                    Process(pid: 1, program: "kworker/0:1-events", ticks: 11, pages: 0, addressSpace: 0),
                    Process(pid: 2, program: "kworker/u4:2", ticks: 21, pages: 0, addressSpace: 0),
                ],
            ], top: 3)
        #expect(programs(collected) == [#"{program="kworker"} 0.32"#])
    }
}

@Suite struct TextFileCollectorTests {
    @Test func filesOfTheFolderAreReadAndFaultsNamedWithFileAndLine() async throws {
        let folder = try TemporaryFolder()
        try folder.write("# HELP backup_age_seconds x\nbackup_age_seconds{job=\"db\"} 12.5\n", to: "backup.prom")
        try folder.write("good 1\nbad{ 2\nworse\nlate 1 1395066363000\n", to: "faulty.prom")
        try folder.write("ignored 1\n", to: "notes.txt")
        let spec = CollectorSpec(
            source: .textfile, interval: .seconds(10), hosts: .all, directory: folder.path)
        var collector = makeCollector(
            spec, CollectorDependencies(files: LinuxHostFiles(), clock: ContinuousClock()))
        let collected: Collected = await collector.collect()
        #expect(
            collected.lines.filter { !$0.contains("mtime") } == [
                #"backup_age_seconds{job="db"} 12.5"#, "good 1.0", "node_textfile_scrape_error 1.0",
            ])
        #expect(collected.lines.count { $0.contains("node_textfile_mtime_seconds") } == 2)
        #expect(
            collected.problems == [
                "\(folder("faulty.prom")): line 2: the labels have no end",
                "\(folder("faulty.prom")): line 3: no number behind the series",
                "\(folder("faulty.prom")): line 4: a file must not say when it was measured",
            ])
    }

    @Test func noFolderIsNoFault() async {
        var collector = makeCollector(.textfile, exclude: [], dependencies(RecordedHostFiles([:])))
        #expect(await collector.collect().lines == ["node_textfile_scrape_error 0.0"])
    }
}

@Suite struct TimeCollectorTests {
    @Test func theKernelsUnitsBecomeSecondsAndRatios() async {
        let clock = KernelClock(
            state: 0, status: 0x2001, offset: -1500, frequency: 65_536, maximumError: 250_000, estimatedError: 40,
            loopTimeConstant: 7, tick: 10_000, taiOffset: 37)
        let files = RecordedHostFiles(
            ["/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n"], clock: clock)
        var collector = makeCollector(.time, exclude: ["node_timex_pps*"], dependencies(files))
        #expect(
            await collector.collect().lines == [
                #"node_time_clocksource_current_info{clocksource="tsc",device="0"} 1.0"#,
                "node_timex_estimated_error_seconds 4e-05", "node_timex_frequency_adjustment_ratio 1.000001",
                "node_timex_loop_time_constant 7.0", "node_timex_maxerror_seconds 0.25",
                "node_timex_offset_seconds -1.5e-06", "node_timex_status 8193.0", "node_timex_sync_status 1.0",
                "node_timex_tai_offset_seconds 37.0", "node_timex_tick_seconds 0.01",
            ])
    }
}
