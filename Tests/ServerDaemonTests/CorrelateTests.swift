import ConfigAPI
import ConfigAPIServer
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

/// A whole server with a metric that jumps, an alert that fires, a report of drift, and a host that fell silent.
@Suite struct CorrelateTests {
    // Shows F-SV-20, F-LG-03
    @Test func everythingAroundAMomentIsToldAndAQuietSeriesIsNot() async throws {
        try await RunningServer.with { server in
            let now: Timestamp = .now().floored(to: .seconds(1))
            let moment: Timestamp = now - .minutes(2)
            try await send(server, now: now, moment: moment)
            try await server.put([
                ConfigChange(
                    .put(["expr": "jumping > 20", "every": "1s", "severity": "critical"]), kind: "AlertRule",
                    name: "jump-high")
            ])
            let report: JSONValue = [
                "id": "01HZZZZZZZZZZZZZZZZZZZZZZ1", "startedAt": .time(moment),
                "finishedAt": .time(moment), "outcome": "corrected", "host": "sync",
                "commit": ["id": "0123456789abcdef", "author": "Ada", "subject": "Say so"],
                "changes": [
                    [
                        "kind": "Retention", "name": "metrics", "action": "update", "cause": "drift",
                        "changedBy": ["who": "eve", "via": "sql", "at": .time(moment)],
                    ],
                    ["kind": "Collector", "name": "cpu", "action": "create", "cause": "commit"],
                ],
            ]
            #expect(try await server.send("POST", "/api/v1/reports", as: [.config], body: report).status == 200)
            let lines: [JSONValue] = [
                ["message": "out of memory", "level": "error", "time": .time(moment - .seconds(5))],
                ["message": "an hour before", "level": "error", "time": .time(moment - .hours(1))],
            ]
            let logged = try await server.send(
                "POST", "/api/v1/logs", as: [.ingest], host: "web-1", body: ["entries": .array(lines)])
            try #require(logged.status == 202, "\(logged.text)")
            let path = "/api/v1/correlate?time=\(moment.rfc3339)&window=3m&host=web-1"
            let answer: JSONValue = try await server.eventually(within: .seconds(20)) {
                let answer = try await server.send("GET", path, as: [.query])
                let kinds = Set((answer.json?["timeline"]?.array ?? []).compactMap { $0["kind"]?.string })
                return kinds.isSuperset(of: ["alert", "commit", "drift", "host", "log"]) ? answer.json : nil
            }
            let timeline: [JSONValue] = answer["timeline"]?.array ?? []
            let texts: [String] = timeline.compactMap { $0["text"]?.string }
            #expect(texts.contains { $0.hasPrefix("jump-high") && $0.contains("fired (critical)") }, "\(texts)")
            #expect(texts.contains { $0.hasPrefix("drift of Retention/metrics, changed by eve") }, "\(texts)")
            #expect(texts.contains("commit 01234567 \"Say so\" by Ada: applied, 1 changed"), "\(texts)")
            #expect(texts.contains("error api: out of memory"), "\(texts)")
            #expect(!texts.contains { $0.contains("an hour before") }, "\(texts)")
            let times: [String] = timeline.compactMap { $0["at"]?.string }
            #expect(times == times.sorted())
            let moves: [JSONValue] = answer["metrics"]?["moves"]?.array ?? []
            #expect(moves.compactMap { $0["metric"]?.string } == ["jumping"])
            #expect(answer["metrics"]?["series"]?.integer == 2)
            #expect(answer["sources"]?["alert"]?["truncated"] == false)
            try await expectLimitsAndErrors(server, moment)
        }
    }

    private func expectLimitsAndErrors(_ server: RunningServer, _ moment: Timestamp) async throws {
        let path = "/api/v1/correlate?time=\(moment.rfc3339)&window=3m"
        let other = try await server.send("GET", path + "&host=other", as: [.query])
        #expect(other.json?["metrics"]?["moves"]?.array?.isEmpty == true)
        #expect(other.json?["timeline"]?.array?.contains { $0["kind"] == "alert" } == false)
        let few = try await server.send("GET", path + "&limit=1", as: [.query])
        #expect(few.json?["sources"]?["drift"]?["truncated"] == true)
        for wrong in ["window=3h", "window=1s", "time=soon", "limit=x"] {
            let answer = try await server.send("GET", "/api/v1/correlate?\(wrong)", as: [.query])
            #expect(answer.status == 400, "\(wrong)")
            #expect(answer.text.contains("invalid parameter"), "\(answer.text)")
        }
        #expect(try await server.send("GET", path, as: [.ingest], host: "web-1").status == 403)
    }

    /// Twenty minutes at an interval of ten seconds: one gauge that jumps at the moment, one that does not.
    private func send(_ server: RunningServer, now: Timestamp, moment: Timestamp) async throws {
        var samples: [JSONValue] = []
        var time: Timestamp = now - .minutes(20)
        while time <= now {
            for (name, value) in [("jumping", time < moment ? 10.0 : 40), ("quiet", 7)] {
                samples.append(["name": .string(name), "time": .time(time), "value": .number(value)])
            }
            time = time + .seconds(10)
        }
        let answer = try await server.send(
            "POST", "/api/v1/metrics", as: [.ingest], host: "web-1",
            body: ["host": "web-1", "metrics": .array(samples)])
        try #require(answer.status == 202, "\(answer.text)")
    }
}
