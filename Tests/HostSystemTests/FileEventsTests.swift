import Glibc
@testable import HostSystem
import Runtime
import Synchronization
import Testing

/// Whether temporary files are on a disk: the kernel is trusted with no others.
private let isOnDisk: Bool = FolderStamp("/tmp")?.identity.isOnDisk ?? false

@Suite(.enabled(if: isOnDisk, "temporary files are on no disk here")) struct FileEventsTests {
    private final class Folder {
        let path: String

        init() throws {
            var template: [CChar] = Array("/tmp/plumb-events-XXXXXX".utf8CString)
            _ = mkdtemp(&template)
            path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try Files.createFolder("\(path)/a")
            try Files.write(Array("one\n".utf8), to: "\(path)/a/app.log")
            try Files.write(Array("one\n".utf8), to: "\(path)/a/other")
        }

        deinit { try? Files.removeTree(path) }

        var places: Set<FileEvents.Place> { FileEvents.Place.ofFile("\(path)/a/app.log") }
    }

    /// What was told so far, while `body` runs.
    private func listening(
        pace: Duration = .milliseconds(1), _ body: (FileEvents, Told) async throws -> Void
    ) async throws {
        let told = Told()
        let events: FileEvents = try #require(FileEvents(pace: pace) { told.add() })
        let listener = Task { await events.run() }
        try await body(events, told)
        listener.cancel()
        await listener.value
    }

    private final class Told: Sendable {
        private let count = Mutex(0)
        func add() { count.withLock { $0 += 1 } }
        var times: Int { count.withLock { $0 } }

        func reaches(_ times: Int) async throws {
            let deadline: ContinuousClock.Instant = .now + .seconds(10)
            while self.times < times {
                try #require(ContinuousClock.now < deadline, "not told in time")
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private static func append(_ path: String) {
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND)
        defer { close(descriptor) }
        _ = write(descriptor, "two\n", 4)
    }

    static let changes: [@Sendable (String) throws -> Void] = [
        { append("\($0)/app.log") },
        { _ = truncate("\($0)/app.log", 0) },
        { _ = rename("\($0)/app.log", "\($0)/app.log.1") },
        { _ = unlink("\($0)/app.log") },
        { try Files.write([], to: "\($0)/new.log") },
        { _ = rename("\($0)/other", "\($0)/app.log") },
        { _ = rename($0, "\($0)-away") },
    ]

    @Test(arguments: changes.indices) func everyChangeOfContentAndNamesIsTold(_ number: Int) async throws {
        let folder = try Folder()
        try await listening { events, told in
            events.watch(folder.places)
            #expect(events.isWhole)
            #expect(told.times == 0)
            try Self.changes[number]("\(folder.path)/a")
            try await told.reaches(1)
        }
    }

    @Test func whatIsNotWatchedAnyMoreIsNotToldAndAnotherNameOfTheSameFileIs() async throws {
        let folder = try Folder()
        let file: FoundFile = try #require(FoundFile("\(folder.path)/a/app.log"))
        try await listening { events, told in
            #expect(link("\(folder.path)/a/app.log", "\(folder.path)/second") == 0)
            let names: [FileEvents.Place] = ["a/app.log", "second"].map {
                FileEvents.Place(.file, "\(folder.path)/\($0)", file.identity)
            }
            events.watch(Set(names))
            // One name less is no watch less.
            events.watch([names[0]])
            #expect(events.isWhole)
            Self.append("\(folder.path)/second")
            try await told.reaches(1)
            events.watch([])
            try await told.reaches(2)
            let before: Int = told.times
            Self.append("\(folder.path)/a/app.log")
            events.watch(folder.places)
            Self.append("\(folder.path)/a/app.log")
            try await told.reaches(before + 1)
        }
    }

    @Test func whatIsReachedByALinkOrIsOnNoDiskIsNotLeftToTheKernel() throws {
        let folder = try Folder()
        let events: FileEvents = try #require(FileEvents(pace: .zero) {})
        #expect(symlink("\(folder.path)/a", "\(folder.path)/link") == 0)
        events.watch(FileEvents.Place.ofFile("\(folder.path)/link/app.log"))
        #expect(!events.isWhole)
        events.watch(FileEvents.Place.ofFile("/proc/self/status"))
        #expect(!events.isWhole)
        // Another file has the name by now.
        events.watch([FileEvents.Place(.file, "\(folder.path)/a/app.log", FileIdentity(device: 0xFE00, inode: 1))])
        #expect(!events.isWhole)
        events.watch(folder.places)
        #expect(events.isWhole)
    }

    @Test func aFileWhoseNumberMayBeUsedAgainIsWatchedAnew() async throws {
        let folder = try Folder()
        try await listening { events, told in
            events.watch(folder.places)
            unlink("\(folder.path)/a/app.log")
            try await told.reaches(1)
            // The watch of the file is gone, and with it the promise.
            let deadline: ContinuousClock.Instant = .now + .seconds(10)
            while events.isWhole, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
            #expect(!events.isWhole)
            try Files.write(Array("new\n".utf8), to: "\(folder.path)/a/app.log")
            events.watch(folder.places)
            #expect(events.isWhole)
            let times: Int = told.times
            Self.append("\(folder.path)/a/app.log")
            try await told.reaches(times + 1)
        }
    }

    @Test func aFolderThatIsNotThereIsAwaitedInTheNearestThatIs() throws {
        let folder = try Folder()
        let places: Set<FileEvents.Place> = FileEvents.Place.ofFile("\(folder.path)/b/c/app.log")
        #expect(places.map(\.path) == [folder.path] && places.map(\.kind) == [.folder])
        #expect(FileEvents.Place.wherePathBegins("/nothing-there").map(\.path) == ["/"])
    }

    @Test func howeverMuchIsWrittenItIsToldAtItsPace() async throws {
        let folder = try Folder()
        try await listening(pace: .milliseconds(300)) { events, told in
            events.watch(folder.places)
            let start: ContinuousClock.Instant = .now
            while ContinuousClock.now - start < .milliseconds(700) {
                Self.append("\(folder.path)/a/app.log")
                try await Task.sleep(for: .milliseconds(2))
            }
            let most: Int = 1 + Int((ContinuousClock.now - start) / .milliseconds(300))
            #expect((1...most).contains(told.times))
        }
    }
}
