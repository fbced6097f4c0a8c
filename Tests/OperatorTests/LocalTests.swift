import Glibc
import Operator
import PlatformClient
import Runtime
import Telemetry
import Testing

@Suite struct RuntimeDirectoryTests {
    private let deep = DataDirectory("/srv/" + String(repeating: "a-rather-long-folder-name/", count: 20))

    @Test func socketPathsStayBelowTheSystemsLimitInDeepDirectories() {
        let runtime: RuntimeDirectory = .named(for: deep, candidates: ["/run/user/1000", "/tmp"]) { _ in true }
        for path in [runtime.syncSocket, "\(runtime.postgres)/.s.PGSQL.5432"] {
            #expect(path.utf8.count <= RuntimeDirectory.longestSocketPath, "\(path)")
        }
        #expect(runtime.path.hasPrefix("/run/user/1000/plumb-"))
    }

    @Test func aFolderThatIsTooDeepOrUnusableIsPassedOver() {
        let long: String = "/" + String(repeating: "x", count: 90)
        let runtime: RuntimeDirectory = .named(for: deep, candidates: [long, "/gone", "/run"]) { $0 != "/gone" }
        #expect(runtime.path.hasPrefix("/run/plumb-"))
        let last: RuntimeDirectory = .named(for: deep, candidates: [long, "relative"]) { _ in true }
        #expect(last.path.hasPrefix("/tmp/plumb-"))
    }

    @Test func eachDataDirectoryHasItsOwnAndAlwaysTheSame() {
        let one: RuntimeDirectory = .named(for: DataDirectory("/a/x"), candidates: ["/run"]) { _ in true }
        let other: RuntimeDirectory = .named(for: DataDirectory("/b/x"), candidates: ["/run"]) { _ in true }
        #expect(one != other)
        #expect(one == .named(for: DataDirectory("/a/../a/x"), candidates: ["/run"]) { _ in true })
    }

    @Test func aFolderThatSomebodyElseTookFirstIsRefused() async throws {
        try await withTemporaryFolder { folder in
            try Files.createFolder("\(folder)/real")
            symlink("\(folder)/real", "\(folder)/link")
            #expect(throws: (any Error).self) {
                try RuntimeDirectory(path: "\(folder)/link").create(postgresUser: nil)
            }
        }
    }
}

@Suite struct DataDirectoryTests {
    @Test func itIsFoundUpwardFromAFolderBelow() async throws {
        try await withTemporaryFolder { folder in
            try Files.createFolder("\(folder)/.plumbline")
            try Files.createFolder("\(folder)/config/collectors")
            #expect(DataDirectory.find(from: "\(folder)/config/collectors")?.path.hasPrefix(folder) != true)
            try Files.write([], to: "\(folder)/.plumbline/plumb.lock")
            #expect(DataDirectory.find(from: "\(folder)/config/collectors")?.path == "\(folder)/.plumbline")
            #expect(DataDirectory.find(from: "\(folder)/.plumbline/logs")?.path == "\(folder)/.plumbline")
        }
    }

    @Test func whatHoldsSecretsIsClosedToOthers() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/deep/er")
            try directory.create()
            for path in [directory.tokens, directory.secrets, directory.logs] {
                var status = stat()
                #expect(stat(path, &status) == 0)
                #expect(status.st_mode & 0o077 == 0, "\(path)")
            }
        }
    }
}

@Suite struct OSUserTests {
    private let stranger = OSUser(name: "stranger", id: 54_321, group: 54_321)

    @Test func theParentThatForbidsTheWayIsNamed() async throws {
        try await withTemporaryFolder { folder in
            try Files.createFolder("\(folder)/open/closed/below", exactly: 0o755)
            #expect(stranger.obstacle(to: "\(folder)/open/closed/below/postgres") == nil)
            try Files.createFolder("\(folder)/open/closed", exactly: 0o750)
            let obstacle = stranger.obstacle(to: "\(folder)/open/closed/below/postgres")
            #expect(obstacle?.directory == "\(folder)/open/closed")
            #expect(obstacle?.mode == 0o750)
        }
    }

    @Test func whatIsNotThereYetIsNoObstacle() {
        #expect(stranger.obstacle(to: "/tmp/not-there-\(getpid())/postgres") == nil)
    }
}

@Suite struct DirectoryLockTests {
    @Test func oneHoldsItUntilItGoes() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/plumb.lock"
            #expect(!DirectoryLock.isHeld(path))
            try holdAndCheck(path)
            #expect(!DirectoryLock.isHeld(path))
        }
    }

    private func holdAndCheck(_ path: String) throws {
        let lock = try DirectoryLock.take(path)
        let isTaken: Bool = lock != nil
        #expect(isTaken)
        let second: Bool = try DirectoryLock.take(path) == nil
        #expect(second)
        #expect(DirectoryLock.isHeld(path))
        _ = consume lock
    }
}

@Suite struct RunRecordTests {
    private let record = RunRecord(
        processID: 42, startedAt: Timestamp(milliseconds: 1_700_000_000_000), serverURL: "http://127.0.0.1:7700",
        runtimeDirectory: "/run/plumb-1", database: "host=/run/plumb-1/pg", operatorDatabase: "host=x",
        configRepository: "/d/config.git", isReady: true,
        children: [
            .init(
                name: "server", processID: 43, startTicks: 99, startedAt: Timestamp(milliseconds: 1_700_000_001_000),
                restarts: 2, lastEnd: "signal 9"),
            .init(name: "agent"),
        ])

    @Test func itIsReadAsItWasWritten() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory(folder)
            #expect(RunRecord.read(from: directory) == nil)
            try record.write(to: directory)
            #expect(RunRecord.read(from: directory) == record)
            var status = stat()
            stat(directory.runRecord, &status)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func whatIsNoRecordIsNone() async throws {
        try await withTemporaryFolder { folder in
            for text in ["", "{", "[]", #"{"version":2}"#, #"{"version":1,"pid":99999999999}"#] {
                try Files.write(text.utf8, to: DataDirectory(folder).runRecord)
                #expect(RunRecord.read(from: DataDirectory(folder)) == nil, "\(text)")
            }
        }
    }
}

@Suite struct ProcessTableTests {
    @Test func aProcessIsItselfOnlyWithItsStartTime() throws {
        let ticks: UInt64 = try #require(ProcessTable.startTicks(getpid()))
        #expect(ProcessTable.isRunning(getpid(), startTicks: ticks))
        #expect(!ProcessTable.isRunning(getpid(), startTicks: ticks + 1))
        #expect(ProcessTable.startTicks(Int32.max) == nil)
    }
}

@Suite struct PortsTests {
    @Test func aPortWithAListenerIsBusy() throws {
        let listener: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port: UInt16 = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                #expect(bind(listener, raw, length) == 0)
                #expect(listen(listener, 1) == 0)
                #expect(getsockname(listener, raw, &length) == 0)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        #expect(try !Ports.isFree(port))
    }
}

@Suite struct FilesTests {
    @Test func removingATreeLeavesWhatItsLinksPointTo() async throws {
        try await withTemporaryFolder { folder in
            try Files.createFolder("\(folder)/tree/below")
            try Files.createFolder("\(folder)/kept")
            try Files.write([1], to: "\(folder)/kept/file")
            symlink("\(folder)/kept", "\(folder)/tree/below/link")
            try Files.removeTree("\(folder)/tree")
            #expect(!Files.exists("\(folder)/tree"))
            #expect(Files.exists("\(folder)/kept/file"))
            try Files.removeTree("\(folder)/tree")
        }
    }

    @Test(arguments: [
        ("/not-there-here/a/./b/../c", "/not-there-here/a/c"), ("/not-there-here/../../x", "/x"), ("/", "/"),
    ])
    func aPathThatIsNotThereIsMadeAbsoluteByItsText(_ path: String, _ absolute: String) {
        #expect(Files.absolute(path) == absolute)
    }
}
