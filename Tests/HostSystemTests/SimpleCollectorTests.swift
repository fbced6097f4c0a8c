import Declarations
import HostSystem
import Telemetry
import Testing

@Suite struct MemoryCollectorTests {
    // Shows F-AG-02
    @Test func everyLineIsNamedAsNodeExporterNamesIt() async {
        let files = RecordedHostFiles([
            "/proc/meminfo": """
            MemTotal:       24682416 kB
            MemAvailable:   24173112 kB
            Active(anon):       1004 kB
            HugePages_Total:       7
            DirectMap4k:       32768 kB

            """
        ])
        var collector = makeCollector(.memory, exclude: [], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(
            collected.lines == [
                "node_memory_Active_anon_bytes 1028096.0", "node_memory_DirectMap4k_bytes 33554432.0",
                "node_memory_HugePages_Total 7.0", "node_memory_MemAvailable_bytes 24753266688.0",
                "node_memory_MemTotal_bytes 25274793984.0",
            ])
        #expect(collected.problems == [])
    }

    // Shows F-AG-02
    @Test func missingFieldsAreAbsentAndBrokenOnesNamed() async {
        let files = RecordedHostFiles(["/proc/meminfo": "MemTotal: 1 kB\nMemFree: much kB\nnonsense\nCached:\n"])
        var collector = makeCollector(.memory, exclude: [], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(collected.lines == ["node_memory_MemTotal_bytes 1024.0"])
        #expect(
            collected.problems == [
                #"/proc/meminfo: expected "name: number", got "MemFree: much kB""#,
                #"/proc/meminfo: expected "name: number", got "nonsense""#,
                #"/proc/meminfo: expected "name: number", got "Cached:""#,
            ])
    }
}

@Suite struct LoadCollectorTests {
    @Test func averagesAndProcessesAreGauges() async {
        let files = RecordedHostFiles([
            "/proc/loadavg": "0.08 0.39 10.56 1/98 18420\n",
            "/proc/stat": "cpu0 1 2 3 4\nprocs_running 3\nprocs_blocked 1\n",
        ])
        var collector = makeCollector(.load, exclude: [], dependencies(files))
        #expect(
            await collector.collect().lines == [
                "node_load1 0.08", "node_load15 10.56", "node_load5 0.39", "node_procs_blocked 1.0",
                "node_procs_running 3.0",
            ])
    }

    // Shows F-AG-10
    @Test func whatIsMissingIsNamedAndTheRestDelivered() async {
        var collector = makeCollector(
            .load, exclude: [], dependencies(RecordedHostFiles(["/proc/loadavg": "0.5 x nan\n"])))
        let collected: Collected = await collector.collect()
        #expect(collected.lines == ["node_load1 0.5"])
        #expect(
            collected.problems == [
                "/proc/loadavg: no number for node_load5", "/proc/loadavg: no number for node_load15",
                "cannot read /proc/stat: No such file or directory",
            ])
    }
}

@Suite struct DiskCollectorTests {
    private let diskstats = """
           7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
         254       0 vda 79069 25726 4076354 34029 32076 331938 29280720 167069 1 29540 204077 34769 2 3316752 2901 3210 77
         254       1 vda1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
         259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11
         259       1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11
         253       0 dm-0 1 2 3 4 5 6 7 8 9 10 11
         253       0 zram0 1 2 3 4 5 6 7 8 9 10 11

        """

    // Shows F-AG-04
    @Test func wholeDisksAreCountedInBytesAndSeconds() async {
        let files = RecordedHostFiles(["/proc/diskstats": diskstats])
        var collector = makeCollector(.disk, exclude: ["nvme*", "dm-*"], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(collected.problems == [])
        #expect(
            collected.lines == [
                #"node_disk_discard_time_seconds_total{device="vda"} 2.901"#,
                #"node_disk_discarded_sectors_total{device="vda"} 3316752.0"#,
                #"node_disk_discards_completed_total{device="vda"} 34769.0"#,
                #"node_disk_discards_merged_total{device="vda"} 2.0"#,
                #"node_disk_flush_requests_time_seconds_total{device="vda"} 0.077"#,
                #"node_disk_flush_requests_total{device="vda"} 3210.0"#,
                #"node_disk_io_now{device="vda"} 1.0"#,
                #"node_disk_io_time_seconds_total{device="vda"} 29.54"#,
                #"node_disk_io_time_weighted_seconds_total{device="vda"} 204.077"#,
                #"node_disk_read_bytes_total{device="vda"} 2087093248.0"#,
                #"node_disk_read_time_seconds_total{device="vda"} 34.029"#,
                #"node_disk_reads_completed_total{device="vda"} 79069.0"#,
                #"node_disk_reads_merged_total{device="vda"} 25726.0"#,
                #"node_disk_write_time_seconds_total{device="vda"} 167.069"#,
                #"node_disk_writes_completed_total{device="vda"} 32076.0"#,
                #"node_disk_writes_merged_total{device="vda"} 331938.0"#,
                #"node_disk_written_bytes_total{device="vda"} 14991728640.0"#,
            ])
    }

    @Test func olderKernelsHaveFewerColumnsAndPartitionsAreLeftOut() async {
        var collector = makeCollector(
            .disk, exclude: [], dependencies(RecordedHostFiles(["/proc/diskstats": diskstats])))
        let devices: [String] = await collector.collect().measurements.compactMap { $0.series.labels["device"] }
        #expect(Dictionary(grouping: devices) { $0 }.mapValues(\.count) == ["vda": 17, "nvme0n1": 11, "dm-0": 11])
    }

    @Test func aLineThatMakesNoSenseIsNamed() async {
        let files = RecordedHostFiles(["/proc/diskstats": "8 0 sda 1 2 3\n8 16 sdb 1 2 3 4 - 6 7 8 9 10 11\n"])
        var collector = makeCollector(.disk, exclude: [], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(collected.measurements.count == 10)
        #expect(
            collected.problems == [
                #"/proc/diskstats: expected at least 14 fields, got "8 0 sda 1 2 3""#,
                #"/proc/diskstats: sdb: node_disk_writes_completed_total: not a number: "-""#,
            ])
    }
}

@Suite struct NetworkCollectorTests {
    // Shows F-AG-05
    @Test func interfacesAreCountedAndDeclaredOnesLeftOut() async {
        let files = RecordedHostFiles([
            "/proc/net/dev": """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
                lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
              eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
            veth1a2b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
            docker0: 1 2 3

            """
        ])
        var collector = makeCollector(.network, exclude: ["lo", "veth*"], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(
            collected.lines == [
                #"node_network_receive_bytes_total{device="eth0"} 1.0"#,
                #"node_network_receive_compressed_total{device="eth0"} 7.0"#,
                #"node_network_receive_drop_total{device="eth0"} 4.0"#,
                #"node_network_receive_errs_total{device="eth0"} 3.0"#,
                #"node_network_receive_fifo_total{device="eth0"} 5.0"#,
                #"node_network_receive_frame_total{device="eth0"} 6.0"#,
                #"node_network_receive_multicast_total{device="eth0"} 8.0"#,
                #"node_network_receive_packets_total{device="eth0"} 2.0"#,
                #"node_network_transmit_bytes_total{device="eth0"} 9.0"#,
                #"node_network_transmit_carrier_total{device="eth0"} 15.0"#,
                #"node_network_transmit_colls_total{device="eth0"} 14.0"#,
                #"node_network_transmit_compressed_total{device="eth0"} 16.0"#,
                #"node_network_transmit_drop_total{device="eth0"} 12.0"#,
                #"node_network_transmit_errs_total{device="eth0"} 11.0"#,
                #"node_network_transmit_fifo_total{device="eth0"} 13.0"#,
                #"node_network_transmit_packets_total{device="eth0"} 10.0"#,
            ])
        #expect(collected.problems == ["/proc/net/dev: docker0: expected 16 numbers, got 3"])
    }
}
