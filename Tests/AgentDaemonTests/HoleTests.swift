@testable import AgentDaemon
import Compression
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

/// Files that begin with a hole: what a program that does not append makes of one that was truncated.
@Suite struct HoleTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template: [CChar] = Array("/tmp/plumb-holes-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(folder) }
        try body(folder)
    }

    /// Writes at a place, whatever is before it.
    private func put(_ text: String, at place: Int, in path: String) {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(text.utf8)
        #expect(pwrite(descriptor, bytes, bytes.count, off_t(place)) == bytes.count)
    }

    // MARK: What a content begins with

    @Test(arguments: [1, 4095, 4096, 262_143, 262_144, 700_001, 1 << 40])
    func aContentBeginsBehindItsHole(size: Int) throws {
        try withFolder { folder in
            put("one\n", at: size, in: "\(folder)/app.log")
            let head: ContentHead = try LogFile("\(folder)/app.log").head()
            #expect(head == ContentHead(start: size, Array("one\n".utf8)))
        }
    }

    @Test(arguments: [1, 4096, 262_144, 700_001]) func storedNULsAndPackedOnesAreLikeAHole(size: Int) throws {
        try withFolder { folder in
            let bytes: [UInt8] = [UInt8](repeating: 0, count: size) + Array("one\n".utf8)
            try Files.write(bytes, to: "\(folder)/app.log.1")
            try Files.write(Zstd.compress(bytes), to: "\(folder)/app.log.1.zst")
            let heads: [ContentHead] = [
                try LogFile("\(folder)/app.log.1").head(), try PackedLog("\(folder)/app.log.1.zst", .zstd).head(),
            ]
            #expect(heads.allSatisfy { $0 == ContentHead(start: size, Array("one\n".utf8)) })
        }
    }

    @Test(arguments: [1, 4096, 700_001, 1 << 40]) func aHoleAloneIsNoBeginning(size: Int) throws {
        try withFolder { folder in
            try Files.write([], to: "\(folder)/app.log")
            #expect(truncate("\(folder)/app.log", off_t(size)) == 0)
            let head: ContentHead = try LogFile("\(folder)/app.log").head()
            #expect(head == ContentHead(start: size, []))
            #expect(head.firstPlace == 0)
        }
    }

    @Test func aCopyThatIsBeingMadeIsRecognisedByItsHole() {
        let content = ContentHead(start: 5, [1, 2, 3])
        #expect(isBeginning(ContentHead(start: 5, [1]), content))
        #expect(isBeginning(content, ContentHead(start: 4, [])))
        #expect(!isBeginning(ContentHead(start: 6, [1]), content))
        #expect(!isBeginning(ContentHead(start: 6, []), content))
        #expect(!isBeginning(ContentHead([]), content))
    }

    /// What was written down by versions that knew nothing of holes.
    @Test func fingerprintsOfEarlierVersionsAreRecognised() throws {
        let text: [UInt8] = Array("line one\nline two\n".utf8)
        func record(_ bytes: [UInt8]) throws -> Fingerprint {
            try FileRecord(json: [
                "stream": "s", "source": "app", "path": "/app.log", "device": "1", "inode": "2", "position": 9,
                "fingerprintBytes": .integer(bytes.count),
                "fingerprint": .string(hexadecimal(Digests.sha256(bytes))),
            ]).fingerprint
        }
        #expect(try record(text) == Fingerprint(ContentHead(text)))
        #expect(try record([]).matches(ContentHead(text)))
        let mixed: [UInt8] = [0, 0] + text
        #expect(try record(mixed).matches(ContentHead(start: 2, text + text)))
        #expect(try record([UInt8](repeating: 0, count: 1024)).matches(ContentHead(start: 5000, text)))
        #expect(try !record([UInt8](repeating: 0, count: 1024)).matches(ContentHead(start: 5, text)))
        #expect(try !record(text).matches(ContentHead(start: 2, text)))
    }

    @Test func aFingerprintKnowsWhereItIsOf() throws {
        let text: [UInt8] = Array("line one\n".utf8)
        let record = FileRecord(
            stream: "s", source: "app", path: "/app.log", identity: FileIdentity(device: 1, inode: 2),
            fingerprint: Fingerprint(ContentHead(start: 5000, text)), position: 5009)
        let read: FileRecord = try FileRecord(json: record.json)
        #expect(read == record)
        #expect(read.fingerprint.matches(ContentHead(start: 5000, text + text)))
        #expect(!read.fingerprint.matches(ContentHead(start: 6000, text)))
        #expect(!read.fingerprint.matches(ContentHead(text)))
    }

    // MARK: Reading on

    /// A program that was told that its log is elsewhere by now, and one whose log begins behind a hole of a terabyte.
    // Shows F-AG-16, W-A-03
    @Test(arguments: [100, 262_100, 262_144 + 100, 1 << 40], [false, true])
    func whatStandsBehindAHoleArrivesAndNothingElse(size: Int, isStored: Bool) async throws {
        guard !isStored || size < 1 << 30 else { return }
        try await withServer { server, harness in
            server.send(config(1, [logSource("app", ["\(harness.logs)/app.log"], ["maxLineBytes": 4096])]))
            let path = "\(harness.logs)/app.log"
            let lines: [String] = (0..<50).map { "line \($0) " + String(repeating: "x", count: 90) }
            if isStored { try Files.write([UInt8](repeating: 0, count: size), to: path) }
            put(lines[..<25].map { "\($0)\n" }.joined(), at: size, in: path)
            try await harness.running {
                try await eventually("the first lines") { server.logLines.count >= 25 }
                put(lines[25...].map { "\($0)\n" }.joined(), at: FoundFile(path)?.size ?? 0, in: path)
                try await eventually("the others") { server.logLines.count >= 50 }
            }
            #expect(server.messages == lines.sorted())
            #expect(server.logRequests <= 4)
        }
    }

    // Shows F-AG-16, W-A-04
    @Test func whatATruncationBehindAHoleTookIsCountedWithoutTheHole() async throws {
        try await withServer { server, harness in
            server.send(config(1, [logSource("app", ["\(harness.logs)/app.log"])]))
            let path = "\(harness.logs)/app.log"
            put("first\n", at: 100_000, in: path)
            try await harness.running {
                try await eventually("a line") { server.messages == ["first"] }
                server.answerLogs { _, _ in .refuse(503) }
                // One request is under way, and what is written then waits.
                put("second\n", at: 100_006, in: path)
                let requests: Int = server.logRequests
                try await eventually("a request") { server.logRequests > requests }
                put("third\n", at: 100_013, in: path)
                try await eventually("it is seen") {
                    server.values("plumb_agent_log_backlog_bytes", producer: "agent").last == 13
                }
                #expect(truncate(path, 0) == 0)
                put("fourth\n", at: 100_019, in: path)
                try await eventually("the count") {
                    server.values("plumb_agent_log_lost_bytes_total", producer: "agent").last ?? 0 > 0
                }
                server.answerLogs { _, _ in .accept }
                try await eventually("what came then") { server.messages.contains("fourth") }
                #expect(server.values("plumb_agent_log_lost_bytes_total", producer: "agent").last == 6)
            }
        }
    }
}
