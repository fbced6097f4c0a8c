import Glibc
import HostSystem
import Runtime
import Synchronization
import Telemetry
import Testing

@Suite struct HostFilesTests {
    @Test func theRunningKernelIsRead() throws {
        let files = LinuxHostFiles()
        #expect(try files.read("/proc/stat").starts(with: "cpu".utf8))
        #expect(try files.list("/proc").contains("self"))
        #expect(try files.space(ofFileSystemAt: "/").size > 0)
        #expect(throws: FileError.self) { try files.read("/proc/no-such-file") }
    }

    // Shows F-AG-08
    @Test func theHostSaysWhoItIs() {
        let facts = HostFacts(
            reading: RecordedHostFiles([
                "/proc/sys/kernel/hostname": "web-1\n", "/proc/sys/kernel/random/boot_id": "4f1c\n",
                "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
                "/etc/os-release":
                    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID='12'\nID=debian\nbroken\n",
            ]))
        #expect(facts.hostName == "web-1")
        #expect(facts.bootID == "4f1c")
        #expect(
            facts.facts == [
                "os": "debian", "os_name": "Debian GNU/Linux 12 (bookworm)", "os_version": "12",
                "kernel": "6.1.0-18-amd64", "arch": facts.architecture,
            ])
        #expect(HostFacts(reading: RecordedHostFiles([:])).facts == ["arch": facts.architecture])
    }

    @Test func aLockIsHeldByOneUntilItIsLetGo() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/lock"
            do {
                let lock = try LockFile(path: path)
                do {
                    _ = try LockFile(path: path)
                    Issue.record("a second lock was given")
                } catch {
                    #expect((error as? FileError)?.isHeld == true)
                }
                _ = consume lock
            }
            _ = try LockFile(path: path)
        }
    }

    @Test func theOwnerOfAFileHasAName() async throws {
        try await withTemporaryFolder { folder in
            try Files.write(Array("x".utf8), to: "\(folder)/file")
            let stamp = try FileStamp(of: "\(folder)/file")
            #expect(stamp.owner == currentUserID())
            #expect(stamp.ownerName == userName(currentUserID()) ?? "uid \(currentUserID())")
            #expect(userName(0) == "root")
            #expect(userName(3_999_999_999) == nil)
        }
    }

    /// A way to change a file, by name.
    struct Edit: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var apply: @Sendable (String) throws -> Void
    }

    static let edits: [Edit] = [
        Edit(testDescription: "replaced") { try Files.write(Array("new".utf8), to: $0) },
        Edit(testDescription: "removed") { unlink($0) },
        Edit(testDescription: "written in place, same length") { path in
            let descriptor: Int32 = open(path, O_WRONLY)
            defer { close(descriptor) }
            _ = write(descriptor, Array("OLD".utf8), 3)
        },
        Edit(testDescription: "truncated and rewritten") { path in
            let descriptor: Int32 = open(path, O_WRONLY | O_TRUNC)
            defer { close(descriptor) }
            _ = write(descriptor, Array("longer".utf8), 6)
        },
        Edit(testDescription: "given to another mode") { chmod($0, 0o600) },
    ]

    @Test func aFileThatChangedInThisMomentIsLookedAtAgain() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/config.json"
            try Files.write(Array("new".utf8), to: path)
            let stamp = try FileStamp(of: path)
            var watch = FileWatch(path: path, since: stamp)
            let looks: [Bool] = [0, 50, 5000, 6000].map { (later: Int64) in
                watch.mayHaveChanged(now: stamp.changedAt + .milliseconds(later))
            }
            #expect(looks == [true, true, true, false])
        }
    }

    @Test(arguments: edits) func everyWayToChangeAFileIsNoticed(edit: Edit) async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/config.json"
            try Files.write(Array("old".utf8), to: path)
            let known = try FileStamp(of: path)
            // A time at which nothing is fresh: what is noticed is noticed by the stamp.
            let later = Timestamp(milliseconds: .max / 1_000_000)
            var watch = FileWatch(path: path, since: known)
            // The first look is always due: the file may have changed before the watch began.
            var looks: [Bool] = [watch.mayHaveChanged(now: later), watch.mayHaveChanged(now: later)]
            try edit.apply(path)
            looks += [watch.mayHaveChanged(now: later), watch.mayHaveChanged(now: later)]
            #expect(looks == [true, false, true, false])
        }
    }
}
