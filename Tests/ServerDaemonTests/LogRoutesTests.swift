import ConfigAPI
import ConfigAPIServer
import Declarations
import Runtime
import ServerDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct LogRoutesTests {
    private func post(
        _ body: JSONValue, to server: RunningServer, host: String = "web"
    ) async throws -> RunningServer.Answer {
        try await server.send("POST", "/api/v1/logs", as: [.ingest], host: host, body: body)
    }

    private func entries(_ messages: [String], from start: Timestamp) -> JSONValue {
        .array(
            messages.enumerated().map { number, message in
                ["message": .string(message), "time": .time(start + .milliseconds(Int64(number)))]
            })
    }

    // Shows F-SV-10
    @Test func `lines of a file are stored once, and the answer says how far the file is stored`() async throws {
        try await RunningServer.with { server in
            let stream: JSONValue = [
                "stream": "f1", "source": "system", "path": "/var/log/x", "end": 20, "labels": ["job": "s"],
                "lines": [
                    ["place": 0, "message": "one", "level": "error", "fields": ["n": 1]],
                    ["place": 4, "message": "two", "time": "1999-01-01T00:00:00Z"], ["place": 8, "message": "three"],
                ],
            ]
            let first = try await post(["host": "web", "streams": [stream]], to: server)
            #expect(first.status == 202)
            #expect(first.json?["stored"] == 2)
            #expect(first.json?["rejected"] == 1)
            #expect(first.json?["errors"]?.array?.first?["path"] == "/streams/0/lines/1")
            #expect(first.json?["positions"] == ["f1": 20])
            let again = try await post(["host": "web", "streams": [stream]], to: server)
            #expect(again.json?["stored"] == 0)
            #expect(again.json?["positions"] == ["f1": 20])
            let found = try await server.send("GET", "/api/v1/logs?level=error", as: [.query])
            let line = try #require(found.json?["lines"]?.array?.first)
            #expect(line["message"] == "one")
            #expect(line["host"] == "web")
            #expect(line["path"] == "/var/log/x")
            #expect(line["fields"] == ["n": 1])
            #expect(line["labels"] == ["job": "s"])
            #expect(found.json?["lines"]?.array?.count == 1)
            #expect(found.json?["next"] == .null)
            let metrics = try await server.send("GET", "/metrics")
            #expect(metrics.text.contains(#"plumb_ingest_log_lines_total{result="stored"} 2"#))
        }
    }

    @Test func `a line of shell needs a token, a message and nothing else`() async throws {
        try await RunningServer.with { server in
            let first = try await post(["entries": [["message": "backup done"]], "key": "night-1"], to: server)
            #expect(first.status == 202)
            let again = try await post(["entries": [["message": "backup done"]], "key": "night-1"], to: server)
            #expect(again.json?["duplicates"] == 1)
            let found = try await server.send("GET", "/api/v1/logs?host=web&text=BACKUP", as: [.query])
            #expect(found.json?["lines"]?.array?.map { $0["source"] } == ["api"])
        }
    }

    @Test func `who may not write or read is told so`() async throws {
        try await RunningServer.with { server in
            let body: JSONValue = ["host": "db", "entries": [["message": "x"]]]
            let statuses: [Int] = [
                try await post(body, to: server).status,
                try await server.send("POST", "/api/v1/logs", body: body).status,
                try await server.send("POST", "/api/v1/logs", as: [.query], body: body).status,
                try await server.send("GET", "/api/v1/logs").status,
                try await server.send("GET", "/api/v1/logs", as: [.ingest], host: "web").status,
                try await post(["entries": [["level": "info"]]], to: server).status,
                try await post([:], to: server).status,
            ]
            #expect(statuses == [403, 401, 403, 401, 403, 400, 400])
        }
    }

    // Shows F-SV-11
    @Test func `pages go on where a cursor says, and only in the same search`() async throws {
        try await RunningServer.with { server in
            let messages: [String] = (0..<25).map { "line \($0)" }
            _ = try await post(["entries": entries(messages, from: .now() - .minutes(1))], to: server)
            var seen: [String] = []
            var cursor = ""
            repeat {
                let answer = try await server.send(
                    "GET", "/api/v1/logs?text=line&limit=10" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"), as: [.query]
                )
                #expect(answer.status == 200)
                seen += (answer.json?["lines"]?.array ?? []).compactMap { $0["message"]?.string }
                let next: String = answer.json?["next"]?.string ?? ""
                if !cursor.isEmpty || !next.isEmpty, next != cursor, !next.isEmpty {
                    let other = try await server.send("GET", "/api/v1/logs?text=other&cursor=\(next)", as: [.query])
                    #expect(other.status == 400)
                }
                cursor = next
            } while !cursor.isEmpty
            #expect(seen == messages.reversed())
        }
    }

    @Test(arguments: [
        "level=loud", "limit=0", "limit=99999", "direction=up", "cursor=xyz", "cursor=MSAxIDEgMQ", "from=soon",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "labels=x", "text=%00",
    ])
    func `a search that makes no sense is refused`(query: String) async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/api/v1/logs?\(query)", as: [.query])
            #expect(answer.status == 400)
            let name: String = query.split(separator: "=").first.map(String.init) ?? ""
            #expect(answer.json?["error"]?.string?.contains(name) == true)
        }
    }

    // Shows F-SV-12
    @Test func `old lines go with their partition`() async throws {
        try await RunningServer.with { server in
            let now: Timestamp = .now()
            _ = try await post(
                ["entries": [["message": "old", "time": .time(now - .days(9))], ["message": "new"]]], to: server)
            let before = try await server.send("GET", "/api/v1/logs", as: [.query])
            #expect(before.json?["lines"]?.array?.count == 2)
            try await server.put([
                ConfigChange(.put(["dataset": "logs", "keep": "7d"]), kind: "Retention", name: "logs")
            ])
            let retention = try await server.send("GET", "/api/v1/retention", as: [.configRead])
            let datasets: [JSONValue] = retention.json?["datasets"]?.array ?? []
            let logs: JSONValue = try #require(datasets.first { $0["dataset"] == "logs" })
            // The day of grace: the first Retention shrinks "everything".
            #expect(logs["pending"]?["keep"] == "1w")
            let preview = try await server.send(
                "GET", "/api/v1/retention/preview?dataset=logs&keep=7d", as: [.configRead])
            #expect(preview.json?["partitions"]?.array?.count == 1)
        }
        try await RunningServer.with({ $0.retentionGrace = .zero }) { server in
            _ = try await post(
                ["entries": [["message": "old", "time": .time(.now() - .days(9))], ["message": "new"]]], to: server)
            try await server.put([
                ConfigChange(.put(["dataset": "logs", "keep": "7d"]), kind: "Retention", name: "logs")
            ])
            _ = try await server.eventually {
                let found = try await server.send("GET", "/api/v1/logs", as: [.query])
                return found.json?["lines"]?.array?.map { $0["message"] } == ["new"] ? true : nil
            }
        }
    }
}
