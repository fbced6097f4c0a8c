import ConfigAPI
import Declarations
import Runtime
import Telemetry
import Testing

@Suite struct SnapshotReaderTests {
    private func resource(_ number: Int, using random: inout some RandomNumberGenerator) -> StoredResource {
        let texts = ["a", "\"quoted\"", "{", "}]", "[\\", "\\\"", "é€𝄞", "resources\":[", ",", ""]
        let text: String = texts.randomElement(using: &random) ?? ""
        let spec: JSONValue = [
            "expr": .string(text), "deep": [["a": [.integer(number)]], .string(text), .null, [:]],
            "resources": [.string(text), ["resources": [[:]]]],
        ]
        return StoredResource(
            key: ResourceKey(.alertRule, "rule-\(number)"), spec: spec, digest: "\(number)/\(text)",
            owner: "gitops-sync",
            changedBy: ChangedBy(who: text, at: Timestamp(milliseconds: 5), via: .sql, details: ["resources": text]))
    }

    private func snapshot(_ resources: [StoredResource], generation: Int) -> ConfigSnapshot {
        let instance = ConfigSnapshot.Instance(
            id: "\"resources\":[{", loadedGeneration: 1, loadedDigest: "]", error: "\"resources\":[",
            heartbeatAt:
                Timestamp(milliseconds: 7), isFresh: true)
        return ConfigSnapshot(
            storeId: "store", generation: generation, digest: "digest", instances: [instance], resources: resources)
    }

    private func read(
        _ bytes: [UInt8], _ known: SnapshotReader.Known, using random: inout some RandomNumberGenerator
    ) throws -> (ConfigSnapshot, SnapshotReader.Known) {
        var reader = SnapshotReader(known: known, sha256: Digests.sha256)
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let chunk: ArraySlice<UInt8> = rest.prefix(Int.random(in: 1...200, using: &random))
            reader.consume(Array(chunk))
            rest = rest.dropFirst(chunk.count)
        }
        return try reader.finish()
    }

    // "é" has two forms, which are equal texts and not the same bytes.
    @Test func `texts that resources share are kept as each was sent`() throws {
        var random = Numbers(1)
        let files = ["rules/caf\u{E9}-and-more.yaml", "rules/cafe\u{301}-and-more.yaml"]
        let resources: [StoredResource] = files.indices.map { index in
            var resource: StoredResource = resource(index, using: &random)
            resource.source = ResourceSource(
                commit: "c", file: files[index], line: 1, author: "a", authoredAt: Timestamp(milliseconds: 1),
                subject: "s")
            resource.changedBy?.details = ["application": files[index]]
            return resource
        }
        let bytes: [UInt8] = snapshot(resources, generation: 1).json.canonical
        let (found, _) = try read(bytes, SnapshotReader.Known(), using: &random)
        #expect(found.json.canonical == bytes)
    }

    // What is read piece by piece, with what was known before, is what is read at once.
    @Test(arguments: 0..<40)
    func `a store that changes is read as if it was read whole each time`(seed: UInt64) throws {
        var random = Numbers(seed)
        var resources: [StoredResource] = []
        var known = SnapshotReader.Known()
        for generation in 0..<12 {
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let number = Int.random(in: 0..<12, using: &random)
                resources.removeAll { $0.key.name == "rule-\(number)" }
                if Bool.random(using: &random) { resources.append(resource(number, using: &random)) }
            }
            let wanted: ConfigSnapshot = snapshot(resources, generation: generation)
            let json: JSONValue = wanted.json
            let bytes: [UInt8] = Bool.random(using: &random) ? json.canonical : Array(json.indented.utf8)
            let (found, next) = try read(bytes, known, using: &random)
            #expect(found == wanted)
            // Resources keep their specs as text; what is read from it is what was sent.
            #expect(found.json == json)
            known = next
        }
    }

    @Test(arguments: 0..<40)
    func `bytes that are no snapshot are an error and no trap`(seed: UInt64) throws {
        var random = Numbers(seed)
        let whole: [UInt8] = snapshot((0..<3).map { resource($0, using: &random) }, generation: 1).json.canonical
        for _ in 0..<100 {
            var bytes: [UInt8] = Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    Array("{}[],:\" \\x1".utf8).randomElement(using: &random) ?? 0
            }
            let plain: ConfigSnapshot? = try? ConfigSnapshot(parsing: bytes)
            let found: ConfigSnapshot? = try? read(bytes, SnapshotReader.Known(), using: &random).0
            #expect(found == plain, "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test func `what is wrong with a resource is told with its place`() {
        var random = Numbers(1)
        let text = #"{"resources": [{"kind": "AlertRule"}], "generation": 1}"#
        let error = #expect(throws: JSONFormError.self) {
            _ = try read(Array(text.utf8), SnapshotReader.Known(), using: &random)
        }
        #expect(error?.path.hasPrefix("/resources/0") == true)
    }
}

/// SplitMix64.
private struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
