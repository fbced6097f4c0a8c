import AsyncHTTPClient
import ConfigAPIServer
import Database
import Declarations
import NIOCore
import NIOHTTP1
import Runtime
import Telemetry
import TestSupport
import Testing

@Suite struct MetricsIngestTests {
    private func body(host: String = "web", _ values: [JSONValue] = [1, 2], at time: Timestamp = .now()) -> JSONValue {
        [
            "host": .string(host),
            "batches": [
                [
                    "producer": "cpu", "series": .array(values.indices.map { ["name": .string("m\($0)")] }),
                    "frames": [["time": .integer(time.milliseconds), "values": .array(values)]],
                ]
            ],
        ]
    }

    // Shows F-SV-01, F-SV-05, W-A-07
    @Test func `a batch is counted once, however often it is sent`() async throws {
        try await RunningServer.with { server in
            let batch = body()
            let first = try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "web", body: batch)
            #expect(first.status == 202)
            #expect(first.json?["stored"] == 2)
            #expect(first.json?["serverTime"]?.string.flatMap { Timestamp(rfc3339: $0) } != nil)
            let again = try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "web", body: batch)
            #expect(again.json?["stored"] == 0)
            #expect(again.json?["duplicates"] == 2)
            let metrics = try await server.send("GET", "/metrics")
            #expect(metrics.text.contains(#"plumb_ingest_samples_total{result="stored"} 2"#))
            #expect(metrics.text.contains(#"plumb_ingest_samples_total{result="duplicate"} 2"#))
        }
    }

    // Shows F-SV-01, W-A-03
    @Test func `what cannot be stored is refused item by item, with place and reason`() async throws {
        try await RunningServer.with { server in
            let now: Timestamp = .now()
            let answer = try await server.send(
                "POST", "/api/v1/metrics", as: [.ingest], host: "web",
                body: [
                    "host": "web",
                    "metrics": [
                        ["name": "good", "value": 1], ["name": "nul\u{0}", "value": 1],
                        ["name": "old", "value": 1, "time": .time(now - .days(31))],
                        ["name": "early", "value": 1, "time": .time(now + .minutes(11))], ["name": "x"],
                        ["name": "wide", "value": 1, "labels": ["l": .string(String(repeating: "x", count: 1025))]],
                    ],
                ])
            #expect(answer.status == 202)
            #expect(answer.json?["stored"] == 1)
            #expect(answer.json?["rejected"] == 5)
            let paths = answer.json?["errors"]?.array?.map { $0["path"] }
            #expect(paths == (1...5).map { .string("/metrics/\($0)") })
            #expect(answer.json?["errors"]?.array?.allSatisfy { $0["reason"]?.string?.isEmpty == false } == true)
            let codes = answer.json?["errors"]?.array?.compactMap { $0["code"]?.string }
            #expect(codes == ["name", "time", "time", "value", "labels"])
            let metrics = try await server.send("GET", "/metrics").text
            #expect(metrics.contains(#"plumb_ingest_rejected_samples_total{reason="time"} 2"#))
            #expect(metrics.contains(#"plumb_ingest_rejected_samples_total{reason="labels"} 1"#))
            let query = try await server.send("GET", "/api/v1/query?query=good", as: [.query])
            #expect(query.json?["data"]?["result"]?.array?.first?["metric"]?["host"] == "web")
        }
    }

    @Test func `a request of which nothing can be stored is an error, and so is one that is no request`() async throws {
        try await RunningServer.with { server in
            let nothing = try await server.send(
                "POST", "/api/v1/metrics", as: [.ingest], host: "web",
                body: ["host": "web", "metrics": [["name": "", "value": 1]]])
            #expect(nothing.status == 400)
            let malformed = try await server.send(
                "POST", "/api/v1/metrics", as: [.ingest], host: "web", body: ["host": "web"])
            #expect(malformed.status == 400)
            #expect(malformed.json?["error"]?.string?.contains("batches") == true)
        }
    }

    // Shows F-SV-02, W-A-12
    @Test func `one host cannot write as another, and other credentials cannot write at all`() async throws {
        try await RunningServer.with { server in
            let foreign = try await server.send(
                "POST", "/api/v1/metrics", as: [.ingest], host: "db", body: body(host: "web"))
            #expect(foreign.status == 403)
            let reader = try await server.send("POST", "/api/v1/metrics", as: [.query], host: "web", body: body())
            #expect(reader.status == 403)
            let nobody = try await server.send("POST", "/api/v1/metrics", body: body())
            #expect(nobody.status == 401)
            let frames = try await server.database.superuser("SELECT count(*) AS n FROM plumbline.sources")
            #expect(try frames.only().int("n") == 0)
        }
    }

    // Shows F-SV-01, W-A-22
    @Test func `a body that is too large is refused before it is read`() async throws {
        try await RunningServer.with { server in
            var request = HTTPClientRequest(url: server.url + "/api/v1/metrics")
            request.method = .POST
            request.headers.add(
                name: "Authorization", value: "Bearer \(try await server.token([.ingest], host: "web"))")
            request.body = .bytes(ByteBuffer(repeating: 0x20, count: Limits.bodyBytes + 1))
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            #expect(response.status.code == 413)
        }
    }

    // Shows W-A-16
    @Test func `a host whose samples cannot be stored is not taken for dead`() async throws {
        try await RunningServer.with { server in
            try await server.database.superuser("DROP TABLE plumbline.sources CASCADE")
            let answer = try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "web", body: body())
            #expect(answer.status >= 500)
            let status: String = try await server.eventually {
                let hosts = try await server.send("GET", "/api/v1/hosts", as: [.query]).json?["hosts"]?.array
                return hosts?.first { $0["host"] == "web" }?["status"]?.string
            }
            #expect(status == "ok")
        }
    }

    @Test func `while the database is away samples are to be sent again`() async throws {
        try await RunningServer.with { server in
            _ = try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "web", body: body())
            let blocker = try await server.database.connect(as: server.database.superuserAddress)
            try await blocker.script("BEGIN; LOCK TABLE plumbline.frames, plumbline.sources IN ACCESS EXCLUSIVE MODE")
            let sending = Task {
                // A source of its own, which has to be registered first.
                try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "new", body: body(host: "new"))
            }
            try await endWaiting(server.database)
            let answer = try await sending.value
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] != nil)
            try await blocker.script("ROLLBACK")
            let again = try await server.send(
                "POST", "/api/v1/metrics", as: [.ingest], host: "new", body: body(host: "new"))
            #expect(again.status == 202)
        }
    }

    /// Ends the session that waits to look for a source, once there is one.
    private func endWaiting(_ database: TestDatabase) async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(10)
        while ContinuousClock.now < deadline {
            let ended = try await database.superuser(
                """
                SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM sources%'
                """
            ).only().int("n")
            if ended > 0 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("nobody waits for the lock")
    }
}
