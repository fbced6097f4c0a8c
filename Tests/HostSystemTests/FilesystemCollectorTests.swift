import Declarations
import HostSystem
import Synchronization
import Telemetry
import Testing

private func space(_ size: Double, free: Double = 5) -> FileSystemSpace {
    FileSystemSpace(size: size, free: free, available: free - 1, files: 100, filesFree: 60)
}

@Suite struct FilesystemCollectorTests {
    // Shows F-AG-03
    @Test func mountsAreMeasuredAndPseudoFileSystemsLeftOut() async {
        let files = RecordedHostFiles(
            [
                "/proc/1/mountinfo": """
                22 27 0:21 / /proc rw,relatime - proc proc rw
                24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
                25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
                27 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda1 rw,discard
                28 27 254:2 / /mnt/my\\040disk ro,relatime - xfs /dev/vda2 rw
                29 27 0:40 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw

                """
            ], spaces: ["/": space(10), "/mnt/my disk": space(20)])
        var collector = makeCollector(.filesystem, exclude: [], dependencies(files))
        let collected: Collected = await collector.collect()
        #expect(collected.problems == [])
        #expect(
            collected.lines == [
                #"node_filesystem_avail_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/"} 4.0"#,
                #"node_filesystem_avail_bytes{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 4.0"#,
                #"node_filesystem_device_error{device="/dev/vda1",fstype="ext4",mountpoint="/"} 0.0"#,
                #"node_filesystem_device_error{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 0.0"#,
                #"node_filesystem_files_free{device="/dev/vda1",fstype="ext4",mountpoint="/"} 60.0"#,
                #"node_filesystem_files_free{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 60.0"#,
                #"node_filesystem_files{device="/dev/vda1",fstype="ext4",mountpoint="/"} 100.0"#,
                #"node_filesystem_files{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 100.0"#,
                #"node_filesystem_free_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/"} 5.0"#,
                #"node_filesystem_free_bytes{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 5.0"#,
                #"node_filesystem_readonly{device="/dev/vda1",fstype="ext4",mountpoint="/"} 0.0"#,
                #"node_filesystem_readonly{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 1.0"#,
                #"node_filesystem_size_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/"} 10.0"#,
                #"node_filesystem_size_bytes{device="/dev/vda2",fstype="xfs",mountpoint="/mnt/my disk"} 20.0"#,
            ])
    }

    // Shows F-AG-03
    @Test func aFileSystemCountsOnceWhereverItIsMounted() async {
        let files = RecordedHostFiles(
            [
                "/proc/self/mountinfo": """
                26 1 254:1 /srv/data /a rw - ext4 /dev/vda1 rw
                27 1 254:1 / /data rw - ext4 /dev/vda1 rw
                28 1 254:1 / /other/data rw - ext4 /dev/vda1 rw
                29 1 254:2 / /hidden rw - ext4 /dev/vda2 rw
                30 1 254:3 / /hidden rw - ext4 /dev/vda3 rw
                31 1 0:50 / /empty rw - fuse.control control rw
                32 1 0:51 / /secret rw - tmpfs scratch rw
                33 1 254:9 / /skip/this rw - ext4 /dev/vda9 rw

                """
            ],
            spaces: ["/data": space(1), "/hidden": space(2), "/empty": space(0), "/skip/this": space(9)])
        var collector = makeCollector(.filesystem, exclude: ["tmpfs", "/skip/*"], dependencies(files))
        let collected: Collected = await collector.collect()
        let sizes: [String] = collected.lines.filter { $0.hasPrefix("node_filesystem_size_bytes") }
        #expect(
            sizes == [
                #"node_filesystem_size_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/data"} 1.0"#,
                #"node_filesystem_size_bytes{device="/dev/vda3",fstype="ext4",mountpoint="/hidden"} 2.0"#,
            ])
        #expect(!collected.measurements.contains { $0.series.labels["mountpoint"] == "/empty" })
    }

    // Shows F-AG-03
    @Test func aMountThatHangsIsGivenUpReportedAndNotAskedAgainUntilItAnswers() async {
        let files = RecordedHostFiles(
            [
                "/proc/1/mountinfo":
                    "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:99 / /nfs rw - nfs4 server:/export rw\n"
            ], spaces: ["/": space(10), "/nfs": space(20)], hungMounts: ["/nfs"])
        let dependencies = dependencies(files, mountTimeout: .milliseconds(400))
        var collector = makeCollector(.filesystem, exclude: [], dependencies)
        let error = #"node_filesystem_device_error{device="server:/export",fstype="nfs4",mountpoint="/nfs"}"#
        for _ in 1...3 {
            let collected: Collected = await collector.collect()
            #expect(collected[error] == 1)
            #expect(collected[#"node_filesystem_size_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"}"#] == 10)
            #expect(collected.remarks == ["cannot stat the file system at /nfs: no answer in time"])
            #expect(collected.problems == [])
        }
        #expect(files.questions.withLock { $0.count { $0 == "/nfs" } } == 1)
        #expect(dependencies.probes.stuckCount == 1)
        files.release()
        let deadline: ContinuousClock.Instant = .now + .seconds(10)
        var collected: Collected
        repeat { collected = await collector.collect() } while collected[error] != 0 && ContinuousClock.now < deadline
        #expect(collected[error] == 0)
    }

    // Shows F-AG-10
    @Test func withoutAListOfMountsItFailsAndSaysSo() async {
        var collector = makeCollector(.filesystem, exclude: [], dependencies(RecordedHostFiles([:])))
        let collected: Collected = await collector.collect()
        #expect(collected.measurements.isEmpty)
        #expect(collected.problems == ["cannot read /proc/self/mountinfo: No such file or directory"])
    }
}
