import ConfigAPI
import Declarations
import MongoDouble
import Telemetry
import TestSupport
import Testing

#if MongoDB

    /// Documents from a collection to events, through the whole proxy and the real client library.
    @Suite struct MongoPipelineTests {
        private static let namespace = "reading-analytics.articles"

        private func with(
            _ spec: JSONValue, _ documents: [BSONDocument],
            _ body: (RunningProxy, MongoDouble) async throws -> Void
        ) async throws {
            let double = try MongoDouble(user: "plumbline", password: "p@ss:w/rd")
            double.insert(documents, into: Self.namespace)
            let uri = "mongodb://plumbline:p%40ss%3Aw%2Frd@127.0.0.1:\(double.port)/?authSource=admin"
            try await RunningProxy.with(secrets: ["reading-mongodb": uri]) { proxy in
                try await proxy.put([ConfigChange(.put(spec), kind: "Pipeline", name: "reading")])
                try await body(proxy, double)
            }
        }

        private static let source: JSONValue = [
            "mongodb": [
                "uriRef": "reading-mongodb", "database": "reading-analytics", "collection": "articles",
            ]
        ]

        private static let reading: JSONValue = [
            "source": source,
            "mapping": [
                "source": ["from": ["/source"], "default": "system"], "type": ["from": ["/event_type"]],
                "payload": ["from": ["/payload"], "required": true],
            ],
            "batchSize": 100,
        ]

        private static func envelope(_ number: Int, _ changes: [(String, BSON?)] = []) -> BSONDocument {
            var document = BSONDocument([
                ("_id", .objectID(numbered: number)), ("timestamp", "2025-11-20T06:00:00.123456+00:00"),
                ("source", "github"), ("event_type", "extraction"), ("status", "ingested"),
                (
                    "payload",
                    [
                        "title": "On pipelines", "link": "https://example.org/a", "published_date": "2026-11-19",
                        "domain": "example.org",
                    ]
                ), ("meta", ["discovery_tier": .int32(2)]),
            ])
            for (key, value) in changes { document[key] = value }
            return document
        }

        // Shows F-ET-02, F-ET-03, F-ET-06, W-B-08
        @Test func twoHundredAndFiftyDocumentsAreDrained() async throws {
            try await with(Self.reading, (0..<250).map { Self.envelope($0) }) { proxy, double in
                let run: JSONValue = try await proxy.run("reading")
                #expect(run["status"] == "success", "\(run)")
                #expect(run["loaded"] == 250)
                #expect(run["acknowledged"] == 250)
                #expect(run["drained"] == true)
                #expect(double.documents(in: Self.namespace).allSatisfy { $0["status"] == "processed" })
                #expect(double.served(from: Self.namespace).values.allSatisfy { $0 == 1 })
                #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 250)
                #expect(try await proxy.run("reading")["read"] == 0)
            }
        }

        // Shows F-ET-04, W-B-11
        @Test func everyShapeOfTheBufferEndsUpAsAnEventOrADeadLetter() async throws {
            let big = String(repeating: "x", count: 1 << 20)
            let good: [BSONDocument] = [
                Self.envelope(1), Self.envelope(2, [("timestamp", .date(1_763_618_400_123))]),
                Self.envelope(3, [("_id", "not-an-object-id")]), Self.envelope(4, [("payload", [:])]),
                Self.envelope(5, [("payload", ["a": [[.int32(1), [.int32(2)]], ["b": []]]])]),
                Self.envelope(6, [("payload", ["big": .string(big)])]),
                Self.envelope(7, [("payload", ["text": .rawString([0x61, 0x00, 0xFF, 0x62])])]),
                Self.envelope(8, [("event_type", "never seen before")]),
                Self.envelope(9, [("source", nil), ("event_type", "extraction_summary"), ("meta", nil)]),
                Self.envelope(10, [("payload", ["n": .decimal128(high: 0x303C_0000_0000_0000, low: 110)])]),
            ]
            let bad: [BSONDocument] = [
                Self.envelope(20, [("timestamp", nil)]), Self.envelope(21, [("timestamp", "yesterday")]),
                Self.envelope(22, [("payload", "no object")]),
                [
                    "_id": .objectID(numbered: 23), "status": "ingested", "article": ["title": "T"],
                    "domain": "example.org", "extracted_at": "2025-01-01T00:00:00Z",
                ], Self.envelope(24, [("payload", .malformed(type: 0x55, [1, 2, 3]))]),
            ]
            let untouched: [BSONDocument] = [
                Self.envelope(30, [("status", "processed")]), Self.envelope(31, [("status", nil)]),
            ]
            try await with(Self.reading, good + bad + untouched) { proxy, double in
                let run: JSONValue = try await proxy.run("reading")
                #expect(run["status"] == "partial", "\(run)")
                #expect(run["loaded"] == .integer(good.count))
                #expect(run["dead"] == .integer(bad.count))
                func events(_ condition: String) async throws -> Int {
                    try await proxy.count("SELECT count(*) FROM plumbline.events WHERE \(condition)")
                }
                #expect(try await events("time = '2025-11-20T06:00:00.123456Z'") == good.count - 1)
                #expect(try await events("time = '2025-11-20T06:00:00.123Z'") == 1)
                #expect(try await events("source_id = 'not-an-object-id'") == 1)
                #expect(try await events("length(payload->>'big') = \(1 << 20)") == 1)
                #expect(try await events("payload->>'text' = E'a\\uFFFD\\uFFFDb'") == 1)
                #expect(try await events("payload->>'n' = '1.10'") == 1)
                #expect(try await events("payload->'a'->0->1->0 = '2'") == 1)
                #expect(try await events("source = 'system' AND type = 'extraction_summary'") == 1)
                let statuses: [BSON?] = double.documents(in: Self.namespace).map { $0["status"] }
                #expect(statuses.prefix(good.count + bad.count).allSatisfy { $0 == "processed" })
                #expect(statuses.suffix(2) == ["processed", nil])
                let reasons: Int = try await proxy.count(
                    "SELECT count(*) FROM plumbline_proxy.dead_letters WHERE reason LIKE 'not BSON: %'")
                #expect(reasons == 1)
            }
        }

        // Shows W-B-10
        @Test func anotherVocabularyWithAStatusOfItsOwn() async throws {
            let spec: JSONValue = [
                "source": [
                    "mongodb": [
                        "uriRef": "reading-mongodb", "database": "reading-analytics", "collection": "articles",
                        "statusField": "plumbline.status", "missingIsPending": true,
                    ]
                ],
                "mapping": [
                    "source": ["default": "cover-craft"], "type": ["from": ["/event"]],
                    "payload": ["from": ["."], "omit": ["_id", "event", "timestamp", "plumbline"]],
                ],
            ]
            let documents: [BSONDocument] = ["success", "error", "validation_error"].enumerated().map {
                number, status in
                [
                    "_id": .objectID(numbered: number), "event": "image_generated",
                    "timestamp": .date(1_763_618_400_000 + Int64(number)), "status": .string(status),
                    "size": ["width": .int32(1200), "height": .int32(630)], "font": "Lato",
                    "contrastRatio": .double(4.5), "duration": .int64(250),
                ]
            }
            try await with(spec, documents) { proxy, double in
                let run: JSONValue = try await proxy.run("reading")
                #expect(run["loaded"] == 3, "\(run)")
                #expect(
                    try await proxy.count(
                        """
                        SELECT count(*) FROM plumbline.events WHERE source = 'cover-craft' AND type = 'image_generated'
                        AND payload->'size'->>'width' = '1200' AND NOT payload ? 'plumbline' AND payload ? 'status'
                        """) == 3)
                let after: [BSONDocument] = double.documents(in: Self.namespace)
                #expect(after.map { $0["status"] } == ["success", "error", "validation_error"])
                #expect(after.allSatisfy { $0[path: "plumbline.status"] == "processed" })
                #expect(try await proxy.run("reading")["read"] == 0)
            }
        }

        // Shows F-ET-07, W-B-08
        @Test func aHundredBadDocumentsDoNotStarveAGoodOne() async throws {
            let bad: [BSONDocument] = (0..<100).map { Self.envelope($0, [("timestamp", nil)]) }
            try await with(Self.reading, bad + [Self.envelope(100)]) { proxy, double in
                let run: JSONValue = try await proxy.run("reading")
                #expect(run["status"] == "partial", "\(run)")
                #expect(run["dead"] == 100)
                #expect(run["loaded"] == 1)
                #expect(double.documents(in: Self.namespace).allSatisfy { $0["status"] == "processed" })
            }
        }

        // Shows F-ET-05, F-ET-06, F-ET-10
        @Test func whatTheServerDoesWrongIsMadeGoodByTheNextRun() async throws {
            try await with(Self.reading, (0..<5).map { Self.envelope($0) }) { proxy, double in
                double.inject(.loseReply, on: "update")
                let first: JSONValue = try await proxy.run("reading")
                #expect(first["status"] == "partial", "\(first)")
                #expect(first["error"]?.string?.contains("the next run tries again") == true)
                double.insert([Self.envelope(5)], into: Self.namespace)
                double.inject(.closeBefore, on: "update")
                #expect(try await proxy.run("reading")["status"] == "partial")
                let third: JSONValue = try await proxy.run("reading")
                #expect(third["status"] == "success")
                #expect(third["duplicates"] == 1)
                double.stop()
                let away: JSONValue = try await proxy.run("reading")
                #expect(away["status"] == "failure")
                for text in ["p@ss", "p%40ss", "w/rd"] { #expect(away["error"]?.string?.contains(text) == false) }
                try double.start()
                #expect(try await proxy.run("reading")["status"] == "success")
                #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 6)
                #expect(double.updated(in: Self.namespace).values.sorted() == [1, 1, 1, 1, 1, 1])
            }
        }

        @Test func aSecretThatIsMissingIsNamed() async throws {
            try await RunningProxy.with { proxy in
                try await proxy.put([ConfigChange(.put(Self.reading), kind: "Pipeline", name: "reading")])
                let run: JSONValue = try await proxy.run("reading")
                #expect(run["status"] == "failure")
                #expect(run["error"]?.string?.contains("\"reading-mongodb\"") == true, "\(run)")
            }
        }
    }

#endif
