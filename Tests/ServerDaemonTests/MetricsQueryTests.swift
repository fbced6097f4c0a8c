import ConfigAPIServer
import Database
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

@Suite struct MetricsQueryTests {
    /// The beginning of the present hour, and so of a bucket, an hour ago: always within the accepted time.
    private let start: Timestamp = (.now() - .hours(2)).floored(to: .hours(1))

    /// Counters of two hosts and two modes, every 15 s for 20 minutes.
    private func withData(_ body: (RunningServer) async throws -> Void) async throws {
        try await RunningServer.with { server in
            let store = FrameStore(pool: server.database.pool)
            let series = [
                Series("cpu_seconds_total", ["mode": "idle"]), Series("cpu_seconds_total", ["mode": "user"]),
                Series("load.average"),
            ]
            for (number, host) in ["web", "db"].enumerated() {
                let frames: [Frame] = (0..<80).map { index in
                    let seconds = Double(index) * 15
                    let values: [Double?] = [seconds * 0.5, seconds * 0.25, Double(number + index)]
                    return Frame(time: start + .seconds(Int64(index) * 15), values: values)
                }
                _ = try await store.store([
                    FrameBatch(source: Source(host: host, producer: "cpu"), series: series, frames: frames)
                ])
            }
            try await body(server)
        }
    }

    private func get(
        _ server: RunningServer, _ path: String, _ parameters: [(String, String)]
    ) async throws
        -> RunningServer.Answer
    {
        let query: String = parameters.map { "\(escaped($0.0))=\(escaped($0.1))" }.joined(separator: "&")
        return try await server.send("GET", "/api/v1/\(path)?\(query)", as: [.query])
    }

    private func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain: Bool = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8.contains(byte)
            let hex = String(byte, radix: 16, uppercase: true)
            return isPlain ? String(Character(Unicode.Scalar(byte))) : "%" + (hex.count == 1 ? "0" : "") + hex
        }.joined()
    }

    private func seconds(_ time: Timestamp) -> String { "\(time.milliseconds / 1000)" }

    // MARK: PromQL

    @Test func `an instant query answers in Prometheus' form`() async throws {
        try await withData { server in
            let time = start + .minutes(10)
            let answer = try await get(
                server, "query",
                [("query", "round(sum by (host) (rate(cpu_seconds_total[5m])), 0.01)"), ("time", seconds(time))])
            #expect(answer.status == 200)
            #expect(
                answer.json == [
                    "status": "success",
                    "data": [
                        "resultType": "vector",
                        "result": [
                            ["metric": ["host": "db"], "value": [.integer(time.milliseconds / 1000), "0.75"]],
                            ["metric": ["host": "web"], "value": [.integer(time.milliseconds / 1000), "0.75"]],
                        ],
                    ],
                ])
            let scalar = try await get(server, "query", [("query", "1 / 0"), ("time", seconds(time))])
            #expect(scalar.json?["data"]?["result"] == [.integer(time.milliseconds / 1000), "+Inf"])
            let quoted = try await get(
                server, "query", [("query", "{\"load.average\", host=\"web\"}"), ("time", time.rfc3339)])
            let value = quoted.json?["data"]?["result"]?.array?.first?["value"]
            #expect(value == [.integer(time.milliseconds / 1000), "40"])
        }
    }

    @Test func `a range query gives a value for each step, by GET and by POST`() async throws {
        try await withData { server in
            let parameters: [(String, String)] = [
                ("query", "max({\"load.average\"})"), ("start", seconds(start + .minutes(5))),
                ("end", seconds(start + .minutes(7))), ("step", "1m"),
            ]
            let byGet = try await get(server, "query_range", parameters)
            let values = byGet.json?["data"]?["result"]?.array?.first?["values"]?.array
            #expect(values?.map { $0.array?.last } == ["21", "25", "29"])
            #expect(byGet.json?["data"]?["resultType"] == "matrix")
            let form: String = parameters.map { "\(escaped($0.0))=\(escaped($0.1))" }.joined(separator: "&")
            let byPost = try await server.send(
                "POST", "/api/v1/query_range", as: [.query],
                headers: ["Content-Type": "application/x-www-form-urlencoded"], text: form)
            #expect(byPost.json == byGet.json)
        }
    }

    @Test func `errors have Prometheus' form and status`() async throws {
        try await withData { server in
            func failure(_ path: String, _ parameters: [(String, String)]) async throws -> (Int, JSONValue?) {
                let answer = try await get(server, path, parameters)
                #expect(answer.json?["status"] == "error")
                return (answer.status, answer.json?["errorType"])
            }
            #expect(try await failure("query", [("query", "sum(")]) == (400, "bad_data"))
            #expect(try await failure("query", []) == (400, "bad_data"))
            #expect(try await failure("query", [("query", "up"), ("time", "yesterday")]) == (400, "bad_data"))
            #expect(
                try await failure(
                    "query_range", [("query", "up"), ("start", "0"), ("end", "100000"), ("step", "1")])
                    == (400, "bad_data"))
            #expect(
                try await failure("query_range", [("query", "up"), ("start", "1"), ("end", "0"), ("step", "1")])
                    == (400, "bad_data"))
            #expect(
                try await failure(
                    "query",
                    [
                        ("query", "cpu_seconds_total / on (host) cpu_seconds_total"),
                        ("time", seconds(start + .minutes(10))),
                    ]) == (422, "execution"))
            let message = try await get(server, "query", [("query", "sum(")]).json?["error"]?.string
            #expect(message?.hasPrefix("1:5: parse error") == true)
        }
    }

    @Test(arguments: [
        "up offset 1000y", "up @ -9999999999", "rate(up[1000y] offset 1000y)", "max_over_time(up[900y:100y])",
    ]) func `times without reason are answered, not failed`(query: String) async throws {
        try await withData { server in
            let answer = try await get(server, "query", [("query", query), ("time", "100000000000")])
            #expect(answer.status == 200, "\(answer.text)")
        }
    }

    // MARK: Metadata

    @Test func `series, labels and values are listed`() async throws {
        try await withData { server in
            let series = try await get(server, "series", [("match[]", "cpu_seconds_total{host=\"web\"}")])
            #expect(
                series.json?["data"] == [
                    ["__name__": "cpu_seconds_total", "host": "web", "job": "cpu", "mode": "idle"],
                    ["__name__": "cpu_seconds_total", "host": "web", "job": "cpu", "mode": "user"],
                ])
            let names = try await get(server, "label/__name__/values", [])
            #expect(names.json?["data"] == ["cpu_seconds_total", "load.average"])
            let labels = try await get(server, "labels", [("match[]", "{\"load.average\"}")])
            #expect(labels.json?["data"] == ["__name__", "host", "job"])
            let limited = try await get(server, "label/host/values", [("limit", "1")])
            #expect(limited.json?["data"] == ["db"])
            let before = try await get(
                server, "label/host/values", [("end", seconds(start - .seconds(1)))])
            #expect(before.json?["data"] == [])
            #expect(try await get(server, "series", []).status == 400)
            #expect(try await get(server, "series", [("match[]", "rate(up[1m])")]).status == 400)
        }
    }

    // MARK: Buckets

    // Shows F-SV-06, W-A-09, W-A-10
    @Test func `buckets are half-open, ascending and apart by host`() async throws {
        try await withData { server in
            let answer = try await get(
                server, "metrics/query",
                [
                    ("name", "load.average"), ("bucket", "5m"), ("agg", "last"), ("from", start.rfc3339),
                    ("to", (start + .minutes(10)).rfc3339),
                ])
            #expect(answer.status == 200)
            let groups: [JSONValue] = answer.json?["groups"]?.array ?? []
            #expect(groups.map { $0["labels"] } == [["host": "db"], ["host": "web"]])
            #expect(
                groups.last?["points"] == [
                    ["time": .time(start), "value": 20], ["time": .time(start + .minutes(5)), "value": 40],
                ])
            let counted = try await get(
                server, "metrics/query",
                [
                    ("name", "cpu_seconds_total"), ("labels", "mode=idle"), ("host", "web"), ("bucket", "15m"),
                    ("agg", "count"), ("from", start.rfc3339), ("to", (start + .minutes(20)).rfc3339),
                ])
            #expect(
                counted.json?["groups"]?.array?.first?["points"]?.array?.map { $0["value"] } == [60, 19])
        }
    }

    // Shows F-SV-07
    @Test func `widths and aggregations are closed lists`() async throws {
        try await RunningServer.with { server in
            for text in ["avg; DROP TABLE plumbline.series", "AVG", "1 m", "", "'", "sum)--", "p50", "\u{0}"] {
                for parameter in ["agg", "bucket"] {
                    let answer = try await get(server, "metrics/query", [("name", "x"), (parameter, text)])
                    // An empty parameter is one that is not given.
                    #expect(answer.status == (text.isEmpty ? 200 : 400))
                }
            }
            for text in ["'; DROP TABLE plumbline.series; --", "x\" OR 1=1", "%", "\u{0}", "a=b=c"] {
                for parameter in ["name", "host", "labels", "by"] {
                    let answer = try await get(
                        server, "metrics/query", [("name", "x"), (parameter, text)])
                    #expect([200, 400].contains(answer.status), "\(parameter)=\(text): \(answer.text)")
                }
            }
            let tables = try await server.database.superuser("SELECT count(*) AS n FROM plumbline.series")
            #expect(try tables.only().int("n") == 0)
        }
    }

    // Shows W-A-11
    @Test func `nothing is answered without a credential of scope query`() async throws {
        try await RunningServer.with { server in
            for path in ["query?query=1", "query_range?query=1", "series", "labels", "label/a/values", "metrics/query"]
            {
                #expect(try await server.send("GET", "/api/v1/\(path)").status == 401)
                let writer = try await server.send("GET", "/api/v1/\(path)", as: [.ingest], host: "web")
                #expect(writer.status == 403)
            }
        }
    }
}
