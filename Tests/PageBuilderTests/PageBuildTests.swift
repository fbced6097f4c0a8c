import Declarations
import Glibc
import PageBuilder
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct PageBuildTests {
    private func contents(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in Files.names(in: folder) { files[name] = try Files.read("\(folder)/\(name)") }
        return files
    }

    // Shows F-LG-05
    @Test func theSameDataGiveTheSameBytesWhereverAndHoweverOften() async throws {
        let platform = SamplePlatform()
        let (one, other) = (try TemporaryFolder(), try TemporaryFolder())
        _ = try await PageBuild(source: platform.source, output: one.path).run(.only, at: noon)
        _ = try await PageBuild(source: platform.source, output: other.path).run(.only, at: noon)
        let first: [String: [UInt8]] = try contents(one.path)
        #expect(
            first.keys.sorted() == [
                ".plumb-page.json", "data.json", "history.html", "icon.svg", "incidents.atom", "index.html",
                "page.css", "status.json",
            ])
        #expect(try contents(other.path) == first)
        let again = try await PageBuild(source: platform.source, output: one.path).run(.only, at: noon)
        #expect(try contents(one.path) == first)
        #expect(again.map(\.files) == [PageFolder.Outcome()])
    }

    @Test func daysThatAreSettledAreNotAskedForAgainAndOutliveTheirSamples() async throws {
        let platform = SamplePlatform()
        platform.change { $0.begun = noon - .days(10) }
        let folder = try TemporaryFolder()
        let build = try PageBuild(source: platform.source, output: folder.path)
        _ = try await build.run(.only, at: noon)
        let fresh: Int = platform.state.withLock { $0.questions }
        // The samples behind most days are gone by now.
        platform.change { ($0.questions, $0.begun) = (0, noon - .days(1)) }
        let later: Timestamp = noon + .minutes(1)
        _ = try await build.run(.only, at: later)
        #expect(platform.state.withLock { $0.questions } < 20)
        #expect(fresh > 3 * 90)
        let snapshot = try #require(try PageFolder(folder.path).snapshot())
        #expect(snapshot.components[0].days.count == 11)
        // Yesterday is not settled yet: what is measured of it now counts.
        #expect(snapshot.components[0].days[9].up == 144)
    }

    // Shows F-LG-05, W-B-19
    @Test func anUnreachablePlatformLeavesTheLastDataAndSaysThatTheyAreOld() async throws {
        let platform = SamplePlatform()
        let folder = try TemporaryFolder()
        let build = try PageBuild(source: platform.source, output: folder.path)
        _ = try await build.run(.only, at: noon)
        let before = try #require(try PageFolder(folder.path).snapshot())
        platform.change { $0.isReachable = false }
        let results = try await build.run(.only, at: noon + .hours(3))
        #expect(results.map(\.stale) == ["connection refused"])
        let page: String = try Files.text(folder("index.html"))
        #expect(page.contains("These data may be old."))
        #expect(page.contains("21 Nov 2026, 12:00 UTC</time>; the platform could not be reached"))
        #expect(page.contains("21 Nov 2026, 15:00 UTC"))
        #expect(page.contains("Last known: "))
        let status = try JSONValue(parsing: try Files.read(folder("status.json")))
        #expect(status["fresh"] == false)
        #expect(try PageFolder(folder.path).snapshot() == before)
        platform.change { $0.isReachable = true }
        #expect(try await build.run(.only, at: noon + .hours(4)).map(\.stale) == [nil])
        #expect(try Files.text(folder("index.html")).contains("may be old") == false)
    }

    @Test func withoutAnyDataAnUnreachablePlatformIsAFailure() async throws {
        let platform = SamplePlatform()
        platform.change { $0.isReachable = false }
        let folder = try TemporaryFolder()
        let build = try PageBuild(source: platform.source, output: folder.path)
        await #expect(throws: SamplePlatform.Gone.self) { _ = try await build.run(.only, at: noon) }
        #expect(Files.names(in: folder.path).isEmpty)
    }

    @Test func aQueryThatIsRefusedLeavesTheRestOfThePage() async throws {
        let platform = SamplePlatform()
        platform.change { $0.spec.components[0].query = "broken" }
        let folder = try TemporaryFolder()
        let results = try await PageBuild(source: platform.source, output: folder.path).run(.only, at: noon)
        #expect(results[0].problems == ["StatusPage/status: component \"Web\": no such function"])
        let snapshot = try #require(try PageFolder(folder.path).snapshot())
        #expect(snapshot.components.map(\.state) == [.unknown, .up, .up])
        // What was not measured meanwhile is measured once the query is right.
        platform.change { $0.spec.components[0].query = "web" }
        _ = try await PageBuild(source: platform.source, output: folder.path).run(.only, at: noon + .days(3))
        let mended = try #require(try PageFolder(folder.path).snapshot())
        #expect(mended.components[0].days == mended.components[2].days)
        #expect(mended.components[0].days.count == 6)
    }

    @Test func severalPagesNeedAChoice() async throws {
        let platform = SamplePlatform()
        platform.change { $0.pages = ["a", "b"] }
        let folder = try TemporaryFolder()
        let build = try PageBuild(source: platform.source, output: folder.path)
        await #expect(throws: PageFolderError("several pages are declared; name one with --page, or take --all: a, b"))
        {
            _ = try await build.run(.only, at: noon)
        }
        await #expect(throws: PageFolderError("there is no StatusPage/c; there are a, b")) {
            _ = try await build.run(.named("c"), at: noon)
        }
        #expect(try await build.run(.all, at: noon).map(\.page) == ["a", "b"])
        #expect(Files.exists(folder("a/index.html")) && Files.exists(folder("b/index.html")))
        // A page that git no longer declares goes, with nothing but its own files, and leaves its history.
        try folder.write("mine", to: "b/note.txt")
        platform.change { $0.pages = ["a"] }
        #expect(try await build.run(.all, at: noon).map(\.page) == ["a", "b"])
        #expect(Files.names(in: folder("b")) == [".plumb-page.json", "data.json", "note.txt"])
        #expect(try await build.run(.all, at: noon).map(\.page) == ["a"])
        // Nor does it come back while the platform is away.
        platform.change { $0.isReachable = false }
        #expect(try await build.run(.all, at: noon).map(\.page) == ["a"])
        #expect(!Files.exists(folder("b/index.html")))
        platform.change { ($0.isReachable, $0.pages, $0.questions) = (true, ["b"], 0) }
        _ = try await build.run(.all, at: noon + .minutes(1))
        #expect(Files.exists(folder("b/index.html")))
        #expect(platform.state.withLock { $0.questions } < 20)
    }

    /// Of hosts, queries and labels nothing is told that the page does not ask for.
    @Test func nothingSecretIsOnThePage() async throws {
        let platform = SamplePlatform()
        platform.change { $0.spec.commit = .id }
        let folder = try TemporaryFolder()
        _ = try await PageBuild(source: platform.source, output: folder.path).run(.only, at: noon)
        for (name, bytes) in try contents(folder.path) {
            let text = String(decoding: bytes, as: UTF8.self)
            for secret in ["web-1", "web-<2>", "web-&lt;2&gt;", "Ada", "storage\""] {
                #expect(!text.contains(secret), "\(name) tells \(secret)")
            }
        }
        platform.change { $0.spec.hosts = .names }
        _ = try await PageBuild(source: platform.source, output: folder.path).run(.only, at: noon)
        #expect(try Files.text(folder("index.html")).contains("web-1"))
    }
}

@Suite struct PageFolderTests {
    private let files: [String: [UInt8]] = ["index.html": [1], "a.css": [2]]

    @Test func whatAnEarlierBuildWroteAndThisOneDoesNotGoes() throws {
        let folder = try TemporaryFolder()
        let page = PageFolder(folder("page"))
        #expect(try page.write(files).written == ["a.css", "index.html"])
        try folder.write("mine", to: "page/b.css")
        let outcome: PageFolder.Outcome = try page.write(["index.html": [1]])
        #expect(outcome.removed == ["a.css"])
        #expect(outcome.written.isEmpty)
        #expect(Files.names(in: page.path) == [".plumb-page.json", "b.css", "index.html"])
    }

    @Test func aStaleFileThatSomebodyChangedStays() throws {
        let folder = try TemporaryFolder()
        let page = PageFolder(folder("page"))
        try page.write(files)
        try folder.write("mine", to: "page/a.css")
        #expect(try page.write(["index.html": [1]]).kept == ["a.css"])
        #expect(try Files.text(folder("page/a.css")) == "mine")
    }

    @Test func aFileOfSomebodyElseIsNeverOverwritten() throws {
        let folder = try TemporaryFolder()
        try folder.write("mine", to: "page/index.html")
        #expect(throws: PageFolderError.self) { try PageFolder(folder("page")).write(files) }
        #expect(try Files.text(folder("page/index.html")) == "mine")
        #expect(!Files.exists(folder("page/a.css")))
    }
}
