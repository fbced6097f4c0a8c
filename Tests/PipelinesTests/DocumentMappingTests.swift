import Declarations
import Pipelines
import Telemetry
import Testing

/// The shapes of real documents, with invented values.
@Suite struct DocumentMappingTests {
    static let now = Timestamp(rfc3339: "2026-11-21T12:00:00Z") ?? Timestamp(microseconds: 0)

    /// Reads the reading-analytics envelope and, by fallbacks, its legacy shape.
    static let reading = PipelineSpec(
        source: .file(.init(path: "/x")),
        mapping: PipelineSpec.Mapping(
            time: .init(from: ["/timestamp", "/extracted_at"]), source: .init(from: ["/source"], fallback: "system"),
            type: .init(from: ["/event_type"]),
            payload: .init(from: ["/payload", "/article", "/error"], required: true),
            meta: .init(from: ["/meta", "/metadata"])))

    /// Reads Cover Craft's metrics: another vocabulary, BSON dates, no payload.
    static let covers = PipelineSpec(
        source: .file(.init(path: "/x")),
        mapping: PipelineSpec.Mapping(
            source: .init(fallback: "cover-craft"), type: .init(from: ["/event"]),
            payload: .init(from: ["."], omit: ["_id", "event", "timestamp"]), meta: .init(from: ["/none"])))

    static func document(
        _ json: String, id: DocumentValue = .objectID("507f1f77bcf86cd799439011")
    ) throws
        -> SourceDocument
    {
        SourceDocument(
            id: DocumentID(id, sourceForm: "{}"), body: .value(DocumentValue(extended: try JSONValue(parsing: json))))
    }

    static func mapped(_ json: String, _ spec: PipelineSpec = reading) throws -> Event {
        try event(of: document(json), by: spec, receivedAt: now).get()
    }

    static func reason(_ json: String, _ spec: PipelineSpec = reading) throws -> String? {
        guard case .failure(let problem) = event(of: try document(json), by: spec, receivedAt: now) else { return nil }
        return problem.reason
    }

    // Shows F-ET-04
    @Test func theEnvelopeBecomesAnEvent() throws {
        let found = try Self.mapped(
            """
            {"_id": {"$oid": "507f1f77bcf86cd799439011"}, "timestamp": "2026-11-20T06:00:01.250000+02:00",
            "source": "github", "event_type": "extraction", "status": "ingested",
            "payload": {"title": "T", "link": "https://x", "published_date": "2026-11-19", "domain": "x"},
            "meta": {"discovery_tier": 2}}
            """)
        #expect(
            found
                == Event(
                    time: Timestamp(microseconds: 1_795_147_201_250_000), source: "github", type: "extraction",
                    sourceID: "507f1f77bcf86cd799439011",
                    payload: ["title": "T", "link": "https://x", "published_date": "2026-11-19", "domain": "x"],
                    meta: ["discovery_tier": 2]))
        #expect(found.time.rfc3339 == "2026-11-20T04:00:01.25Z")
    }

    // Shows F-ET-04, W-B-10
    @Test func anotherVocabularyIsReadByAnotherMapping() throws {
        let found = try Self.mapped(
            """
            {"_id": {"$oid": "507f1f77bcf86cd799439011"}, "event": "image_generated", "status": "success",
            "timestamp": {"$date": {"$numberLong": "1795176000000"}}, "size": {"width": 1200, "height": 630},
            "contrastRatio": 4.5, "wcagLevel": "AA", "duration": 812}
            """, Self.covers)
        #expect(found.source == "cover-craft")
        #expect(found.type == "image_generated")
        #expect(found.time.rfc3339 == "2026-11-20T12:00:00Z")
        #expect(
            found.payload == [
                "status": "success", "size": ["width": 1200, "height": 630], "contrastRatio": 4.5, "wcagLevel": "AA",
                "duration": 812,
            ])
        #expect(found.meta == [:])
    }

    // Shows W-B-11
    @Test func theLegacyShapeIsMappedByFallbacksOrSaysWhatIsMissing() throws {
        let legacy = """
            {"extracted_at": "2025-01-02T03:04:05Z", "domain": "d", "article": {"title": "T"}, "metadata": {"n": 1}
            """
        let found = try Self.mapped(legacy + #", "event_type": "extraction"}"#)
        #expect(found.payload == ["title": "T"])
        #expect(found.meta == ["n": 1])
        #expect(found.source == "system")
        #expect(try Self.reason(legacy + "}") == "type: nothing at /event_type, and no default")
    }

    // Shows W-B-11
    @Test(arguments: [
        (#"{"source": "a", "event_type": "e", "payload": {}}"#, "time: nothing at /timestamp or /extracted_at"),
        (
            #"{"timestamp": "yesterday", "event_type": "e", "payload": {}}"#,
            #"time: /timestamp is no time in RFC 3339: "yesterday""#
        ),
        (
            #"{"timestamp": 1795176000, "event_type": "e", "payload": {}}"#,
            "time: /timestamp is a number; say in mapping.time.numbers whether it counts seconds or milliseconds"
        ),
        (
            #"{"timestamp": "1999-01-01T00:00:00Z", "event_type": "e", "payload": {}}"#,
            "time: 1999-01-01T00:00:00Z is before 2000-01-01T00:00:00Z"
        ),
        (
            #"{"timestamp": "2026-11-23T00:00:00Z", "event_type": "e", "payload": {}}"#,
            "time: 2026-11-23T00:00:00Z is more than 1d ahead"
        ),
        (
            #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": "e", "payload": [1]}"#,
            "payload: expected an object at /payload, got a list"
        ),
        (
            #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": {"a": 1}, "payload": {}}"#,
            "type: expected a text at /event_type, got an object"
        ),
        (
            #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": "e"}"#,
            "payload: nothing at /payload or /article or /error"
        ),
    ])
    func whatCannotBeMappedSaysWhy(json: String, reason: String) throws {
        #expect(try Self.reason(json) == reason)
    }

    @Test func anEmptyPayloadAndNestedListsAreKept() throws {
        let head = #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": "new kind", "payload": "#
        #expect(try Self.mapped(head + "{}}").payload == [:])
        #expect(try Self.mapped(head + #"{"a": [[1, {"b": []}], null]}}"#).payload == ["a": [[1, ["b": []]], .null]])
        #expect(try Self.mapped(head + "{}}").type == "new kind")
    }

    @Test func whatPostgreSQLCannotHoldIsReplaced() throws {
        let found = try Self.mapped(
            #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": "a\u0000b", "payload": {"k\u0000": "v\u0000"}}"#)
        #expect(found.payload == ["k\u{FFFD}": "v\u{FFFD}"])
        #expect(found.type == "a\u{FFFD}b")
    }

    @Test func aPayloadMayHaveAMegabyteAndNoMoreThanTheSpecAllows() throws {
        let text = String(repeating: "x", count: 1 << 20)
        let json = #"{"timestamp": "2026-11-20T00:00:00Z", "event_type": "e", "payload": {"a": "\#(text)"}}"#
        #expect(try Self.mapped(json).payload["a"]?.string?.utf8.count == 1 << 20)
        var small = Self.reading
        small.maxPayloadBytes = 1 << 20
        #expect(
            try Self.reason(json, small)
                == "payload and meta have 1048586 bytes; maxPayloadBytes allows 1048576")
    }

    @Test func aTimeMayBeTakenFromNumbersOrFromTheReading() throws {
        var spec = Self.reading
        spec.mapping.time.numbers = .seconds
        let json = #"{"timestamp": 1795176000, "event_type": "e", "payload": {}}"#
        #expect(try Self.mapped(json, spec).time.rfc3339 == "2026-11-20T12:00:00Z")
        spec.mapping.time = .init(from: ["/t"], missing: .received)
        #expect(try Self.mapped(json, spec).time == Self.now)
    }

    @Test func differentIdsHaveDifferentKeys() {
        let hex = "507f1f77bcf86cd799439011"
        let ids: [DocumentID] = [
            DocumentID(.objectID(hex), sourceForm: #"{"$oid":"\#(hex)"}"#),
            DocumentID(.string(hex), sourceForm: "\"\(hex)\""),
            DocumentID(.string("string:\(hex)"), sourceForm: "x"), DocumentID(.integer(7), sourceForm: "7"),
            DocumentID(.string(#"{"$oid":"\#(hex)"}"#), sourceForm: "y"), DocumentID(.string("plain"), sourceForm: "z"),
        ]
        #expect(Set(ids.map(\.key)).count == ids.count)
        #expect(ids[0].key == hex)
        #expect(ids[5].key == "plain")
    }

    @Test func pointersFollowObjectsListsAndEscapes() throws {
        let value = DocumentValue(try JSONValue(parsing: #"{"a": [{"b/c": 1, "d~e": 2}], "": 3}"#))
        #expect(value[pointer: "/a/0/b~1c"] == .integer(1))
        #expect(value[pointer: "/a/0/d~0e"] == .integer(2))
        #expect(value[pointer: "/"] == .integer(3))
        #expect(value[pointer: "/a/1"] == nil)
        #expect(value[pointer: "/a/x"] == nil)
        #expect(value[pointer: ""] == value)
    }
}
