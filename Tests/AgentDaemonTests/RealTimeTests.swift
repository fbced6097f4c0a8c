@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

/// Agents that wait as the installed one does: on their threads, by the machine's clock.
@Suite struct RealTimeTests {
    private func append(_ text: String, to path: String) {
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        defer { close(descriptor) }
        #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
    }

    @Test func linesOfOldAndNewFilesArriveAndThoseThatTrickleInGoTogether() async throws {
        try await withServer(clock: ContinuousClock(), waitsOnThreads: true) { server, harness in
            server.send(config(1, [logSource("app", ["\(harness.logs)/*.log"])]))
            try await harness.running {
                try await eventually("a look") { server.statuses.last?.running.resources.first?.state == .running }
                append("first\n", to: "\(harness.logs)/app.log")
                try await eventually("the first line") { server.messages == ["first"] }
                // For three seconds, which have twelve looks and a request each second.
                let before: Int = server.logRequests
                for number in 0..<30 {
                    append("line \(number)\n", to: "\(harness.logs)/new.log")
                    try await Task.sleep(for: .milliseconds(100))
                }
                try await eventually("all lines") { server.logLines.count == 31 }
                #expect(server.logRequests - before <= 6)
            }
        }
    }

    @Test(.enabled(if: FolderStamp("/tmp")?.identity.isOnDisk ?? false, "temporary files are on no disk here"))
    func changesOfFilesAreNotWaitedFor() async throws {
        try await withServer(clock: ContinuousClock(), waitsOnThreads: true) { server, harness in
            server.send(config(1, [collector("load", "load", every: "1h")]))
            try await harness.running {
                // The next look would be in an hour.
                $0.logInterval = .seconds(3600)
                $0.fileCheckInterval = .seconds(3600)
            } _: {
                try await eventually("the config is obeyed") { server.statuses.last?.running.resources.count == 1 }
                append("first\n", to: "\(harness.logs)/app.log")
                server.send(config(2, [logSource("app", ["\(harness.logs)/*.log"])]))
                try await eventually("the lines of a new source") { server.messages == ["first"] }
                append("second\n", to: "\(harness.logs)/app.log")
                try await eventually("a line that is added") { server.messages == ["first", "second"] }
                try harness.edit("oops")
                try await eventually("an edit is seen") { server.statuses.last?.file.error != nil }
            }
        }
    }

    @Test(.enabled(if: FolderStamp("/tmp")?.identity.isOnDisk ?? false, "temporary files are on no disk here"))
    func foldersThatAreMadeOneBelowTheOtherAreNotWaitedFor() async throws {
        try await withServer(clock: ContinuousClock(), waitsOnThreads: true) { server, harness in
            server.send(config(1, [logSource("app", ["\(harness.logs)/a/b/c/*.log"])]))
            try await harness.running {
                // The next look would be in an hour.
                $0.logInterval = .seconds(3600)
            } _: {
                var folder: String = harness.logs
                for name in ["a", "b", "c"] {
                    try await eventually("\(folder) is watched") { Self.isWatched(folder) }
                    folder += "/\(name)"
                    try Files.createFolder(folder)
                }
                try await eventually("\(folder) is watched") { Self.isWatched(folder) }
                append("first\n", to: "\(folder)/app.log")
                try await eventually("the line") { server.messages == ["first"] }
            }
        }
    }

    /// Whether inotify watches a folder for this process.
    private static func isWatched(_ folder: String) -> Bool {
        guard let inode = FolderStamp(folder)?.identity.inode else { return false }
        let watch = " ino:\(String(inode, radix: 16)) "
        return ((try? LinuxHostFiles().list("/proc/self/fdinfo")) ?? []).contains { name in
            (try? Files.text("/proc/self/fdinfo/\(name)").contains(watch)) ?? false
        }
    }

    @Test func intervalsBeginAtWholeMultiplesOfThemselvesOnTheMachinesClock() async throws {
        let clocks = AgentClocks(waitsOnThreads: true, now: Timestamp.now)
        let interval = Duration.milliseconds(50)
        let (seen, look) = AsyncStream<Duration>.makeStream()
        let ticks = Task {
            await ticking(every: interval, clocks: clocks, on: BlockingExecutor(name: "ticks")) {
                look.yield(clocks.phase(of: interval))
            }
        }
        var phases: [Duration] = []
        for await phase in seen {
            phases.append(phase)
            if phases.count == 11 { break }
        }
        ticks.cancel()
        await ticks.value
        // The first is at once, and on a crowded machine some are late; none is early.
        let later: [Duration] = phases.dropFirst().sorted()
        #expect(later[later.count / 2] < .milliseconds(25))
        #expect(AgentClocks(now: Timestamp.now).phase(of: interval) == .zero)
    }
}

@Suite struct SurroundingsTests {
    private let now = Timestamp.now() + .minutes(1)

    /// Of a folder as a scan for `*.log` finds it.
    private func surroundings(_ folder: String) -> Surroundings {
        var surroundings = Surroundings()
        let expansion = PathExpansion(PathGlob("\(folder)/*/*.log"))
        surroundings.add(expansion.folders, now: now)
        for path in expansion.paths + ["\(folder)/literal"] { surroundings.add(path, FoundFile(path)) }
        return surroundings
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        var template: [CChar] = Array("/tmp/plumb-around-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(folder) }
        try Files.createFolder("\(folder)/a")
        try Files.createFolder("\(folder)/elsewhere")
        try Files.write(Array("one\n".utf8), to: "\(folder)/a/app.log")
        try Files.write(Array("one\n".utf8), to: "\(folder)/elsewhere/other")
        #expect(symlink("\(folder)/elsewhere/other", "\(folder)/a/link.log") == 0)
        // Long ago, so that a change now has another time whatever the kernel's tick is.
        for path in ["a", "elsewhere", ""] {
            var times: [timeval] = [timeval(tv_sec: 1_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000, tv_usec: 0)]
            utimes("\(folder)/\(path)", &times)
        }
        try body(folder)
    }

    @Test func whatStaysAsItWasNeedsNoScan() throws {
        try withFolder { folder in #expect(!surroundings(folder).mayHaveChanged()) }
    }

    static let changes: [@Sendable (String) throws -> Void] = [
        { try Files.write([], to: "\($0)/a/new.log") },
        { _ = rename("\($0)/a/app.log", "\($0)/a/app.log.1") },
        { _ = truncate("\($0)/a/app.log", 9) },
        { _ = unlink("\($0)/a/app.log") },
        { try Files.createFolder("\($0)/b") },
        { _ = truncate("\($0)/elsewhere/other", 9) },
        { _ = rename("\($0)/elsewhere/other", "\($0)/elsewhere/away") },
        { try Files.write([], to: "\($0)/literal") },
    ]

    @Test(arguments: changes.indices) func everyChangeOfWhatWasFoundIsSeen(_ number: Int) throws {
        try withFolder { folder in
            let before: Surroundings = surroundings(folder)
            try Self.changes[number](folder)
            #expect(before.mayHaveChanged())
        }
    }

    @Test func aFolderThatChangedInThisMomentIsLookedAtAgain() throws {
        try withFolder { folder in
            try Files.write([], to: "\(folder)/a/new.log")
            var surroundings = Surroundings()
            surroundings.add(PathExpansion(PathGlob("\(folder)/a/*.log")).folders, now: .now())
            #expect(surroundings.mayHaveChanged())
        }
    }

    @Test func aLookCallsForAScanWhenItsTimeHasComeOrSomethingIsKnownToWait() throws {
        try withFolder { folder in
            let quiet = Lookout(
                surroundings: surroundings(folder), configChanges: 7, pause: .seconds(1), scanAt: .seconds(3))
            var looks: Lookout = quiet
            let verdicts: [Bool] = (0..<5).map { looks.calls(configChanges: 7, now: .seconds($0)) }
            #expect(verdicts == [false, false, false, true, true])
            var unread: Lookout = quiet
            unread.hasUnread = true
            var others: [Lookout] = [quiet, unread, quiet]
            let ofAnotherConfig: Bool = others[0].calls(configChanges: 8, now: .zero)
            let ofWhatIsUnread: Bool = others[1].calls(configChanges: 7, now: .zero)
            #expect(ofAnotherConfig && ofWhatIsUnread)
            try Files.write([], to: "\(folder)/a/new.log")
            let ofANewFile: Bool = others[2].calls(configChanges: 7, now: .zero)
            #expect(ofANewFile)
        }
    }

    @Test func aLookIsPutOffUntilTheNextScanOnlyWhereEverythingIsTold() throws {
        var lookout = Lookout(pause: .seconds(1), scanAt: .seconds(5), mayWait: true)
        #expect(lookout.wait(isToldOfChanges: false, now: .seconds(2)) == .seconds(1) && !lookout.isPutOff)
        #expect(lookout.wait(isToldOfChanges: true, now: .seconds(2)) == .seconds(3) && lookout.isPutOff)
        #expect(!lookout.calls(configChanges: 0, now: .seconds(3)) && !lookout.isPutOff)
        lookout.mayWait = false
        #expect(lookout.wait(isToldOfChanges: true, now: .seconds(2)) == .seconds(1) && !lookout.isPutOff)
    }

    @Test func whereAFolderIsMissingTheNearestOneAboveItIsWatchedAsItMoves() throws {
        try withFolder { folder in
            var around = Surroundings()
            around.add(PathExpansion(PathGlob("\(folder)/x/y/*.log")).folders, now: now)
            around.add("\(folder)/x/z/named", nil)
            var lookout = Lookout(
                surroundings: around, scanAt: .seconds(9), mayWait: true, missingPlaces: around.missingPlaces)
            func moved() -> [String]? {
                let calls: Bool = lookout.calls(configChanges: 0, now: .zero)
                #expect(!calls)
                return lookout.movedPlaces()?.map { "\($0.kind) \($0.path.dropFirst(folder.count))" }.sorted()
            }
            #expect(moved() == nil)
            try Files.createFolder("\(folder)/x")
            #expect(moved() == ["folder /x"])
            #expect(moved() == nil)
            try Files.createFolder("\(folder)/x/z")
            #expect(moved() == ["folder /x", "folder /x/z"])
            rmdir("\(folder)/x/z")
            #expect(moved() == ["folder /x"])
            lookout.mayWait = false
            rmdir("\(folder)/x")
            #expect(moved() == nil)
        }
    }

    @Test func whatWasFoundIsWatchedWithTheFoldersThatItsNamesAreIn() throws {
        try withFolder { folder in
            let places: Set<FileEvents.Place> = surroundings(folder).places
            #expect(
                places.map { "\($0.kind) \($0.path.dropFirst(folder.count))" }.sorted() == [
                    "file /a/app.log", "file /a/link.log", "folder ", "folder /a", "folder /elsewhere",
                ])
        }
    }

    @Test func onlyFoldersOfDisksAreTrustedToShowNewNames() throws {
        #expect(!FileIdentity(device: 0x2A, inode: 1).isOnDisk)
        #expect(FileIdentity(device: 0x1_0000_0000_002A, inode: 1).isOnDisk)
        #expect(FileIdentity(device: 0xFE00, inode: 1).isOnDisk)
        var surroundings = Surroundings()
        surroundings.add(PathExpansion(PathGlob("/proc/*")).folders, now: now)
        #expect(!surroundings.showNewNames)
    }
}
