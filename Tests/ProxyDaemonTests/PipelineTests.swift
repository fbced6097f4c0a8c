import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Pipelines
import ProxyDaemon
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct PipelineTests {
    static let reading: JSONValue = [
        "source": ["mongodb": ["uriRef": "m", "database": "d", "collection": "c"]],
        "mapping": [
            "source": ["from": ["/source"], "default": "system"], "type": ["from": ["/event_type"]],
            "payload": ["from": ["/payload"], "required": true],
        ],
        "batchSize": 100,
    ]

    static func document(_ number: Int, time: String = "2026-11-20T06:00:00Z") -> String {
        #"{"timestamp": "\#(time)", "source": "github", "event_type": "extraction", "status": "ingested", "payload": {"n": \#(number)}}"#
    }

    private func withBuffer(
        _ spec: JSONValue = reading, _ body: (RunningProxy, BufferSource) async throws -> Void
    ) async throws {
        let buffer = BufferSource()
        try await RunningProxy.with(sources: PipelineSources { (_) throws(SourceError) in buffer }) { proxy in
            try await proxy.put([ConfigChange(.put(spec), kind: "Pipeline", name: "reading")])
            try await body(proxy, buffer)
        }
    }

    // Shows F-ET-03, F-ET-05, F-ET-06, F-ET-09, W-B-08
    @Test func everythingThatWaitsIsLoadedOnceAndMarked() async throws {
        try await withBuffer { proxy, buffer in
            for number in 0..<250 { try buffer.add(Self.document(number), id: "d\(number)") }
            let run: JSONValue = try await proxy.run("reading")
            #expect(run["status"] == "success", "\(run)")
            #expect(run["read"] == 250)
            #expect(run["loaded"] == 250)
            #expect(run["acknowledged"] == 250)
            #expect(run["drained"] == true)
            #expect(buffer.waiting == 0)
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 250)
            #expect(
                try await proxy.count(
                    "SELECT count(DISTINCT payload->>'n') FROM plumbline.events WHERE source = 'github'"
                        + " AND type = 'extraction' AND pipeline = 'reading'") == 250)
            let again: JSONValue = try await proxy.run("reading")
            #expect(again["read"] == 0)
            #expect(again["status"] == "success")
        }
    }

    // Shows F-ET-07, F-ET-10, W-B-08, W-B-09
    @Test func aHundredBadDocumentsDoNotStarveAGoodOne() async throws {
        try await withBuffer { proxy, buffer in
            for number in 0..<100 { try buffer.add(#"{"legacy": \#(number)}"#, id: "bad\(number)") }
            try buffer.add(Self.document(1), id: "good")
            let run: JSONValue = try await proxy.run("reading")
            #expect(run["status"] == "partial", "\(run)")
            #expect(run["dead"] == 100)
            #expect(run["loaded"] == 1)
            #expect(buffer.waiting == 0)
            let letters: JSONValue? = try await proxy.send(
                "GET", "/v1/pipelines/reading/dead-letters?limit=200", as: [.pipelines]
            ).json?["deadLetters"]
            #expect(letters?.array?.count == 100)
            #expect(letters?.array?.first?["reason"] == "time: nothing at /timestamp")
            #expect(letters?.array?.first?["body"]?["legacy"] != nil)
        }
    }

    // Shows F-ET-10, W-B-09
    @Test func aRunThatLoadsNothingOfWhatItReadIsAFailure() async throws {
        try await withBuffer { proxy, buffer in
            try buffer.add(#"{"legacy": 1}"#, id: "bad")
            #expect(try await proxy.run("reading")["status"] == "failure")
            buffer.state.withLock { $0.pageFailures = [SourceError(.unreachable, "mongo is away")] }
            let away: JSONValue = try await proxy.run("reading")
            #expect(away["status"] == "failure")
            #expect(away["error"] == "mongo is away")
            try await proxy.untilMetricsSay(#"plumb_pipeline_runs_total{pipeline="reading",status="failure"} 2"#)
        }
    }

    // Shows F-ET-05, F-ET-06
    @Test func whatCouldNotBeMarkedIsReadAgainAndNotStoredAgain() async throws {
        try await withBuffer { proxy, buffer in
            for number in 0..<5 { try buffer.add(Self.document(number), id: "d\(number)") }
            buffer.state.withLock { $0.acknowledgeFailures = [SourceError(.unreachable, "gone")] }
            let first: JSONValue = try await proxy.run("reading")
            #expect(first["status"] == "partial")
            #expect(first["loaded"] == 5)
            #expect(buffer.waiting == 5)
            // Meanwhile the mapping was changed: the same documents have another source and time by now.
            var changed: [String: JSONValue] = try #require(Self.reading.object)
            changed["mapping"] = [
                "source": ["default": "renamed"], "type": ["default": "x"],
                "time": ["from": ["/none"], "missing": "received"],
            ]
            try await proxy.put([ConfigChange(.put(.object(changed)), kind: "Pipeline", name: "reading")])
            let second: JSONValue = try await proxy.run("reading")
            #expect(second["status"] == "success")
            #expect(second["duplicates"] == 5)
            #expect(buffer.waiting == 0)
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 5)
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events WHERE source = 'renamed'") == 0)
        }
    }

    // Shows F-ET-07
    @Test func aDeadLetterThatIsMendedBecomesAnEventAndIsADeadLetterNoMore() async throws {
        try await withBuffer { proxy, buffer in
            try buffer.add(#"{"legacy": 1}"#, id: "x")
            _ = try await proxy.run("reading")
            buffer.state.withLock { $0.documents[0].isMarked = false }
            _ = try await proxy.run("reading")
            #expect(try await proxy.count("SELECT attempts FROM plumbline_proxy.dead_letters") == 2)
            buffer.state.withLock { $0.documents.removeAll() }
            try buffer.add(Self.document(1), id: "x")
            #expect(try await proxy.run("reading")["loaded"] == 1)
            #expect(try await proxy.count("SELECT count(*) FROM plumbline_proxy.dead_letters") == 0)
        }
    }

    // Shows W-B-11
    @Test func documentsOfEveryShapeEndUpAsEventsOrDeadLetters() async throws {
        try await withBuffer { proxy, buffer in
            let big = String(repeating: "x", count: 1 << 20)
            let head = #""event_type": "e", "timestamp": "2026-11-20T06:00:00.123456+00:00""#
            let good: [String] = [
                #"{\#(head), "payload": {}}"#, #"{\#(head), "payload": {"a": [[1, [2]], {"b": []}]}}"#,
                #"{\#(head), "payload": {"big": "\#(big)"}}"#, #"{\#(head), "payload": {"nul": "a\u0000b"}}"#,
                #"{"event_type": "e", "timestamp": {"$date": "2026-11-20T06:00:00Z"}, "payload": {}}"#,
                #"{"event_type": "never seen", "timestamp": "2026-11-20T06:00:00Z", "payload": {}}"#,
            ]
            let bad: [String] = [
                #"{"event_type": "e", "payload": {}}"#, #"{"event_type": "e", "timestamp": "today", "payload": {}}"#,
                #"{"article": {"title": "T"}, "domain": "d", "extracted_at": "2025-01-01T00:00:00Z"}"#,
            ]
            for (number, json) in (good + bad).enumerated() { try buffer.add(json, id: "d\(number)") }
            let run: JSONValue = try await proxy.run("reading")
            #expect(run["loaded"] == .integer(good.count), "\(run)")
            #expect(run["dead"] == .integer(bad.count))
            #expect(
                try await proxy.count("SELECT length(payload->>'big') FROM plumbline.events WHERE payload ? 'big'")
                    == 1 << 20)
        }
    }

    // Shows F-ET-08, W-B-07
    @Test func aRunIsStartedByPostWithTheScopeAndOneAtATime() async throws {
        try await withBuffer { proxy, buffer in
            try buffer.add(Self.document(1), id: "a")
            #expect(try await proxy.send("POST", "/v1/pipelines/reading/run").status == 401)
            #expect(try await proxy.send("POST", "/v1/pipelines/reading/run", as: [.query]).status == 403)
            #expect(try await proxy.send("POST", "/v1/pipelines/none/run", as: [.pipelines]).status == 404)
            let get = try await proxy.send("GET", "/v1/pipelines/reading/run", as: [.pipelines])
            #expect(get.status == 405)
            #expect(get.headers["allow"] == "POST")
            buffer.state.withLock { $0.isHeld = true }
            let first = try await proxy.send("POST", "/v1/pipelines/reading/run", as: [.pipelines], subject: "timer")
            #expect(first.status == 202)
            let second = try await proxy.send("POST", "/v1/pipelines/reading/run", as: [.pipelines])
            #expect(second.status == 409)
            #expect(second.json?["runId"] == first.json?["runId"])
            // Another process over the same database does not run it either.
            try await RunningProxy.with(
                database: proxy.database, sources: PipelineSources { (_) throws(SourceError) in buffer }
            ) { other in
                let third = try await eventually {
                    let answer = try await other.send("POST", "/v1/pipelines/reading/run", as: [.pipelines])
                    return answer.status == 404 ? nil : answer
                }
                #expect(third.status == 409)
            }
            buffer.state.withLock { $0.isHeld = false }
            let run: JSONValue = try await eventually {
                let runs = try await proxy.send("GET", "/v1/pipelines/reading/runs", as: [.pipelines]).json?["runs"]
                return runs?.array?.first { $0["finishedAt"] != nil }
            }
            #expect(run["loaded"] == 1)
            #expect(run["requestedBy"] == "timer")
        }
    }

    // Shows F-ET-08
    @Test func aPipelineWithAnIntervalRunsByItself() async throws {
        var spec: [String: JSONValue] = try #require(Self.reading.object)
        spec["every"] = "1s"
        try await withBuffer(.object(spec)) { proxy, buffer in
            try buffer.add(Self.document(1), id: "a")
            try await eventually { buffer.waiting == 0 ? true : nil }
            try buffer.add(Self.document(2), id: "b")
            try await eventually { buffer.waiting == 0 ? true : nil }
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 2)
            #expect(
                try await proxy.count("SELECT count(*) FROM plumbline_proxy.runs WHERE trigger = 'schedule'") >= 2)
        }
    }

    // Shows F-ET-10
    @Test func whatWaitsShowsAlsoWhenNobodyRunsThePipeline() async throws {
        try await withBuffer { proxy, buffer in
            try buffer.add(Self.document(1), id: "a")
            try await proxy.untilMetricsSay(#"plumb_pipeline_backlog_documents{pipeline="reading"} 1"#)
            try await proxy.untilMetricsSay(
                #"plumb_pipeline_oldest_pending_timestamp_seconds{pipeline="reading"} 1700000000"#)
        }
    }

    @Test func theProxyHoldsPipelinesAndNothingElse() async throws {
        try await RunningProxy.with { proxy in
            let answer = try await proxy.put(
                [ConfigChange(.put(["dataset": "metrics", "keep": "7d"]), kind: "Retention", name: "m")],
                expecting: 422)
            #expect(answer.text.contains("unsupported: Retention is held by the server, not here"))
        }
    }

    // Shows F-ET-01
    @Test func theGatewayStoresEachEventOnce() async throws {
        try await RunningProxy.with { proxy in
            let events: JSONValue = [
                "events": [
                    ["id": "1", "source": "app", "type": "click", "time": .time(.now()), "payload": ["n": 1]],
                    ["id": "1", "source": "app", "type": "click"], ["id": "2", "source": "app"],
                ]
            ]
            #expect(try await proxy.send("POST", "/v1/events", body: events).status == 401)
            #expect(try await proxy.send("POST", "/v1/events", as: [.pipelines], body: events).status == 403)
            let first = try await proxy.send("POST", "/v1/events", as: [.events], body: events)
            #expect(first.status == 202, "\(first.text)")
            #expect(
                first.json == [
                    "stored": 1, "duplicates": 1, "rejected": [["index": 2, "reason": "/type: is missing"]],
                ])
            let again = try await proxy.send("POST", "/v1/events", as: [.events], body: events)
            #expect(again.json?["stored"] == 0)
            #expect(again.json?["duplicates"] == 2)
            #expect(try await proxy.count("SELECT count(*) FROM plumbline.events") == 1)
        }
    }

    // Shows W-A-22
    @Test func aBodyThatIsTooLargeIsRefused() async throws {
        try await RunningProxy.with { proxy in
            let big: JSONValue = ["events": [], "x": .string(String(repeating: "x", count: 17 << 20))]
            let answer = try await proxy.send("POST", "/v1/events", as: [.events], body: big)
            #expect(answer.status == 413)
        }
    }
}

extension RunningProxy {
    /// Waits until the proxy's own metrics have a line.
    func untilMetricsSay(_ line: String) async throws {
        _ = try await eventually {
            try await send("GET", "/metrics").text.contains(line + "\n") ? true : nil
        }
    }
}
