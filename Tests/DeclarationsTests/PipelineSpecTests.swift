import Declarations
import Telemetry
import Testing

@Suite struct PipelineSpecTests {
    private func problems(_ spec: String) -> [String] {
        guard case .failure(let problems) = declare([("m.yaml", manifest("Pipeline", "x", spec))]) else { return [] }
        return problems.items.map(\.message)
    }

    private static let mapping = "{source: {default: a}, type: {default: b}}"

    @Test func aShortSpecGetsItsDefaults() throws {
        let spec: JSONValue = [
            "source": ["mongodb": ["uriRef": "m", "database": "d", "collection": "c"]],
            "mapping": ["source": ["from": ["/source"]], "type": ["from": ["/event"], "default": "other"]],
        ]
        let found = try decoder.resource(kind: .pipeline, name: "x", spec: spec).get()
        #expect(
            found.spec
                == .pipeline(
                    PipelineSpec(
                        source: .mongodb(PipelineSpec.MongoDB(uriRef: "m", database: "d", collection: "c")),
                        mapping: PipelineSpec.Mapping(
                            source: .init(from: ["/source"]), type: .init(from: ["/event"], fallback: "other"),
                            payload: .init(from: ["/payload"]), meta: .init(from: ["/meta"])))))
        #expect(found.key.kind.target == .proxy)
    }

    @Test func aSourceIsOneOfTwo() {
        let both =
            "{source: {file: {path: /a}, mongodb: {uriRef: m, database: d, collection: c}}, mapping: \(Self.mapping)}"
        #expect(
            problems(both) == [#""file" and "mongodb" exclude each other"#]
                || problems(both) == [#""mongodb" and "file" exclude each other"#])
        #expect(problems("{source: {}, mapping: \(Self.mapping)}") == [#""mongodb" or "file" is missing"#])
    }

    @Test func aFieldNeedsAPlaceOrADefault() {
        #expect(
            problems("{source: {file: {path: /a}}, mapping: {source: {from: []}, type: {default: b}}}")
                == [#""from" or "default" is missing"#])
    }

    @Test(arguments: [
        ("mongodb://user:secret@host/db", "must not contain user name or password"),
        ("http://host", "begins with mongodb://"), ("mongodb://a b", "must not contain spaces"),
    ])
    func anAddressHoldsNoSecret(uri: String, problem: String) throws {
        let found = problems(
            "{source: {mongodb: {uri: '\(uri)', database: d, collection: c}}, mapping: \(Self.mapping)}")
        #expect(found.count == 1)
        #expect(found.first?.contains(problem) == true, "\(found)")
        #expect(!found.joined().contains("secret@"))
    }

    @Test(arguments: ["relative/*.ndjson", "/srv/*/x.ndjson", "/srv/../etc/passwd", "/"])
    func aPathIsAbsoluteWithAPatternAtMostAtItsEnd(path: String) {
        #expect(problems("{source: {file: {path: '\(path)'}}, mapping: \(Self.mapping)}").count == 1)
    }

    @Test(arguments: ["payload", "/a~2b", "a/b"])
    func aPlaceIsAPointer(pointer: String) {
        #expect(
            problems("{source: {file: {path: /a}}, mapping: {source: {from: ['\(pointer)']}, type: {default: b}}}")
                .first?.contains("JSON Pointer") == true)
    }

    @Test func anAddressIsHiddenHoweverDeepItLies() {
        let spec: JSONValue = [
            "source": ["mongodb": ["uri": "mongodb://u:p@h/", "database": "d", "unknown": "token"]],
            "mapping": ["source": ["default": "open"]],
        ]
        let shown: JSONValue = redacted(spec, kind: .pipeline) { _ in "0123456789" }
        #expect(
            shown == [
                "source": ["mongodb": ["uri": "#01234567", "database": "d", "unknown": "#01234567"]],
                "mapping": ["source": ["default": "open"]],
            ])
    }
}
