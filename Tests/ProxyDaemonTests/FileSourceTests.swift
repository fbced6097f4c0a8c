import ConfigAPI
import Declarations
import Glibc
import Pipelines
import ProxyDaemon
import Runtime
import Telemetry
import TestSupport
import Testing

// Shows F-ET-02
@Suite struct FileSourceTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var source: FileSource { FileSource(PipelineSpec.File(path: folder("*.ndjson"))) }

    private func append(_ text: String, to name: String = "a.ndjson") throws {
        let present: [UInt8] = (try? Files.read(folder(name), limit: 64 << 20)) ?? []
        // In place: a file that grows keeps its inode.
        let file = try #require(fopen(folder(name), present.isEmpty ? "w" : "a"))
        fputs(text, file)
        fclose(file)
    }

    private func numbers(_ page: SourcePage) -> [Int64] {
        page.documents.compactMap {
            if case .value(let value) = $0.body, case .integer(let number)? = value[pointer: "/n"] {
                number
            } else {
                nil
            }
        }
    }

    @Test func linesComeInOrderPageByPageAndAPartialLineWaits() async throws {
        try append("{\"n\": 1}\n\n{\"n\": 2}\n{\"n\": 3}\n{\"n\": 4")
        try append("{\"n\": 10}\n", to: "b.ndjson")
        try append("{\"n\": 99}\n", to: "other.txt")
        let first = try await source.page(after: nil, limit: 2)
        #expect(numbers(first) == [1, 2])
        let second = try await source.page(after: first.position, limit: 100)
        #expect(numbers(second) == [3, 10])
        #expect(try await source.page(after: second.position, limit: 100).documents.isEmpty)
        try append("2}\n")
        #expect(numbers(try await source.page(after: second.position, limit: 100)) == [42])
    }

    @Test func aFileThatWasReplacedOrCutIsReadAnew() async throws {
        try append("{\"n\": 1}\n{\"n\": 2}\n")
        let first = try await source.page(after: nil, limit: 100)
        let cut = try #require(fopen(folder("a.ndjson"), "w"))
        fputs("{\"n\": 3}\n{\"n\": 4}\n{\"n\": 5}\n", cut)
        fclose(cut)
        #expect(numbers(try await source.page(after: first.position, limit: 100)) == [3, 4, 5])
        try Files.write("{\"n\": 6}\n".utf8, to: folder("a.ndjson"))
        #expect(numbers(try await source.page(after: first.position, limit: 100)) == [6])
    }

    @Test func theSameLineHasTheSameIdWheneverItIsRead() async throws {
        try append("{\"n\": 1}\n{\"n\": 1}\n")
        let one = try await source.page(after: nil, limit: 1)
        let both = try await source.page(after: nil, limit: 10)
        #expect(both.documents.map(\.id.key).first == one.documents.map(\.id.key).first)
        #expect(Set(both.documents.map(\.id.key)).count == 2)
    }

    @Test func whatIsNoDocumentSaysSoAndInvalidUTF8IsReplaced() async throws {
        let bytes: [UInt8] = Array("{\"n\": 1, \"t\": \"a".utf8) + [0xFF] + Array("b\"}\nnot json\n[1]\n".utf8)
        try Files.write(bytes, to: folder("a.ndjson"))
        let page = try await source.page(after: nil, limit: 10)
        #expect(numbers(page) == [1])
        guard case .value(let value) = page.documents[0].body else { return }
        #expect(value[pointer: "/t"] == .string("a\u{FFFD}b"))
        #expect(
            page.documents.dropFirst().map(\.body) == [
                .unreadable(reason: "not JSON: column 1: expected a value", excerpt: "not json"),
                .unreadable(reason: "not an object", excerpt: "[1]"),
            ])
    }

    @Test func aFolderThatIsNotThereIsNamed() async {
        let missing = FileSource(PipelineSpec.File(path: folder("none/*.ndjson")))
        await #expect(throws: SourceError.self) { try await missing.page(after: nil, limit: 1) }
    }

    // Shows F-ET-05
    @Test func aPipelineOverFilesGoesOnWhereItWas() async throws {
        try append((0..<25).map { PipelineTests.document($0) + "\n" }.joined())
        let spec: JSONValue = [
            "source": ["file": ["path": .string(folder("*.ndjson"))]], "batchSize": 10,
            "mapping": ["source": ["from": ["/source"]], "type": ["from": ["/event_type"]]],
        ]
        try await RunningProxy.with { proxy in
            try await proxy.put([ConfigChange(.put(spec), kind: "Pipeline", name: "files")])
            let run: JSONValue = try await proxy.run("files")
            #expect(run["loaded"] == 25, "\(run)")
            try append(PipelineTests.document(25) + "\n" + "broken\n")
            let more: JSONValue = try await proxy.run("files")
            #expect(more["read"] == 2, "\(more)")
            #expect(more["loaded"] == 1)
            #expect(more["status"] == "partial")
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 26)
        }
    }
}
