import Compression
import Database
import Declarations
import Glibc
@testable import Operator
import Runtime
import Telemetry
import Testing

@Suite struct ArchiveTests {
    private static let facts = SnapshotFacts(
        takenAt: Timestamp(seconds: 1_700_000_000), storeID: "s", postgresMajor: 15, migrations: [1: "a", 2: "b"])
    private static let header = BackupHeader(
        plumblineVersion: "1", startedAt: Timestamp(seconds: 1_700_000_000), host: "here", dataDirectory: "/data",
        runtimeDirectory: "/run/x")

    private func write(
        _ items: [(BackupItem, [UInt8], Int?)], to path: String
    ) throws -> BackupManifest {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        let writer = try ArchiveWriter(descriptor, name: path, header: Self.header)
        for (item, content, rows) in items {
            try writer.begin(item)
            // In odd pieces: parts do not follow the pieces that are written.
            var rest: ArraySlice<UInt8> = content[...]
            while !rest.isEmpty {
                try writer.write(Array(rest.prefix(100_003)))
                rest = rest.dropFirst(100_003)
            }
            try writer.end(rows: rows)
        }
        return try writer.finish(Self.facts)
    }

    private func readAll(_ path: String) throws -> (items: [(BackupItem, [UInt8])], manifest: BackupManifest) {
        let reader = try ArchiveReader(path)
        var items: [(BackupItem, [UInt8])] = []
        while let item = try reader.next() {
            var content: [UInt8] = []
            while let part = try reader.read() { content += part }
            items.append((item, content))
        }
        return (items, try reader.finish())
    }

    /// Bytes that do not compress, so that an archive has several frames.
    private func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state)
        }
    }

    @Test func whatIsWrittenIsRead() async throws {
        try await withTemporaryFolder { folder in
            let table = BackupItem.table(schema: "plumbline", name: "frames \"1\"", columns: ["a", "b/ä"])
            let file = BackupItem.file(path: "tokens/keys.json", mode: 0o600)
            let big: [UInt8] = noise(ArchiveWriter.partSize + 12_345)
            let manifest = try write(
                [(file, [1, 2, 3], nil), (.schema, [], nil), (table, big, 42), (.sequences, Array("[]".utf8), nil)],
                to: "\(folder)/b")
            let (items, read) = try readAll("\(folder)/b")
            #expect(items.map(\.0) == [file, .schema, table, .sequences])
            #expect(items.map(\.1) == [[1, 2, 3], [], big, Array("[]".utf8)])
            #expect(read == manifest)
            #expect(read.database == Self.facts)
            #expect(read.rows == 42)
            #expect(try ArchiveReader("\(folder)/b").header == Self.header)
        }
    }

    @Test func whoSkipsContentStillLearnsOfDamage() async throws {
        try await withTemporaryFolder { folder in
            _ = try write([(.schema, noise(3_000_000), nil), (.sequences, [7], nil)], to: "\(folder)/b")
            let reader = try ArchiveReader("\(folder)/b")
            #expect(try reader.next() == .schema)
            #expect(try reader.next() == .sequences)
            #expect(try reader.finish().items.count == 2)
        }
    }

    // Shows F-OP-03
    @Test func everyFlippedBitIsFound() async throws {
        try await withTemporaryFolder { folder in
            _ = try write(
                [(.schema, Array("CREATE TABLE x".utf8), nil), (.sequences, [7, 8], nil)], to: "\(folder)/b")
            let whole: [UInt8] = try Files.read("\(folder)/b")
            for position in whole.indices {
                var bytes: [UInt8] = whole
                bytes[position] ^= 1 << UInt8(position % 8)
                try Files.write(bytes, to: "\(folder)/c")
                #expect(throws: OperatorError.self, "byte \(position)") { _ = try readAll("\(folder)/c") }
            }
        }
    }

    // Shows F-OP-03
    @Test func whatIsCutShortOrContinuedIsRefused() async throws {
        try await withTemporaryFolder { folder in
            _ = try write([(.schema, noise(2_500_000), nil), (.sequences, noise(1_500_000), nil)], to: "\(folder)/b")
            let whole: [UInt8] = try Files.read("\(folder)/b", limit: 8 << 20)
            // Everywhere, and where a frame ends: there nothing but the manifest is missing.
            var ends: [Int] = []
            var position = 0
            while position < whole.count {
                guard let head = FrameHeader(Array(whole[position..<position + FrameHeader.length])) else { break }
                position += FrameHeader.length + head.frameLength
                ends.append(position)
            }
            #expect(ends.count >= 3)
            for length in ends.dropLast() + [0, 1, 43, 44, 1000, whole.count / 2, whole.count - 1] {
                try Files.write(whole[..<length], to: "\(folder)/c")
                let error = #expect(throws: OperatorError.self, "\(length) bytes") { _ = try readAll("\(folder)/c") }
                #expect(error?.message.contains("Nothing was changed") == true)
            }
            try Files.write(whole + whole, to: "\(folder)/c")
            #expect(throws: OperatorError.self) { _ = try readAll("\(folder)/c") }
            try Files.write(whole + [0], to: "\(folder)/c")
            #expect(throws: OperatorError.self) { _ = try readAll("\(folder)/c") }
        }
    }

    @Test func itIsATarThatOthersRead() async throws {
        try await withTemporaryFolder { folder in
            _ = try write([(.file(path: "a b/ü", mode: 0o600), Array("hello".utf8), nil)], to: "\(folder)/b")
            // What any zstd makes of it.
            let tar: [UInt8] = try Zstd.decompress(try Files.read("\(folder)/b"), atMost: 1 << 20)
            try Files.write(tar, to: "\(folder)/b.tar")
            let runner = CommandRunner(workingDirectory: folder)
            #expect(
                try await runner.run("tar", ["-tf", "b.tar"]).split(separator: "\n") == [
                    "backup.json", "00001-a_b__/head.json", "00001-a_b__/000001", "manifest.json", "manifest.sha256",
                ])
            try await runner.run("tar", ["-xf", "b.tar"])
            #expect(try Files.text("\(folder)/00001-a_b__/000001") == "hello")
            try await runner.run("sha256sum", ["--check", "--strict", "manifest.sha256"])
        }
    }

    @Test func aBackupOfANewerFormIsNamed() async throws {
        var json: [String: JSONValue] = Self.header.json.object ?? [:]
        json["formatVersion"] = 2
        let error = #expect(throws: JSONFormError.self) { _ = try BackupHeader(json: .object(json)) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("has form 2, this plumb reads 1"))
    }
}

@Suite struct CarriedFilesTests {
    @Test func stateIsCarriedAndWhatIsMadeAgainIsNot() {
        for path in [
            "gitops-sync.yaml", "secrets/hook", "tokens/keys.json", "tokens/proxy-keys.json", "agent/config.json",
            "agent/spool/0001", "gitops-sync/state.json", "gitops-sync/reports.jsonl", "page/status/days.json",
            "reports/x", "state-of-tomorrow/file",
        ] { #expect(CarriedFiles.isCarried(path), "\(path)") }
        for path in [
            "postgres/PG_VERSION", "config.git/HEAD", "logs/server.log", "run.json", "plumb.lock", "tokens/admin",
            "gitops-sync/lock", "gitops-sync/repository/HEAD", "agent/config.json.17.5.new", "",
        ] { #expect(!CarriedFiles.isCarried(path), "\(path)") }
    }

    @Test func pathsAreReplacedAsAWhole() {
        let text = "a: /data\nb: /data/x\nc: /database\nd: file:///data/config.git\ne: \"/data\"\n"
        #expect(
            RestoredFiles.replacing("/data", by: "/new/place", in: text)
                == "a: /new/place\nb: /new/place/x\nc: /database\nd: file:///new/place/config.git\ne: \"/new/place\"\n")
    }
}

@Suite struct ProgressTests {
    @Test func numbersAreForPeople() {
        #expect(Amounts.bytes(999) == "999 B")
        #expect(Amounts.bytes(1000) == "1.0 kB")
        #expect(Amounts.bytes(999_949) == "999.9 kB")
        #expect(Amounts.bytes(999_950) == "1.0 MB")
        #expect(Amounts.bytes(1_234_567_890) == "1.2 GB")
        #expect(Amounts.count(1_234_567) == "1,234,567")
        #expect(Amounts.count(12) == "12")
        #expect(Amounts.rate(3_000_000, in: .seconds(2)) == "1.5 MB/s")
    }
}
