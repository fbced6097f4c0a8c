import AsyncHTTPClient
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Foundation
import NIOCore
import NIOHTTP1
import Runtime
import ServerDaemon
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What else than a new generation is told to whoever follows the events.
@Suite struct WebhookRoutesTests {
    /// The names of the events that came so far.
    private final class Events: Sendable {
        private let list = Mutex<[String]>([])
        var names: [String] { list.withLock { $0 } }
        func add(_ name: String) { list.withLock { $0.append(name) } }
    }

    /// Follows the events while `body` runs.
    private func following(_ server: RunningServer, _ body: (Events) async throws -> Void) async throws {
        var request = HTTPClientRequest(url: server.url + "/v1/config/events")
        request.headers.add(name: "Authorization", value: "Bearer \(try await server.token([.configRead]))")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        #expect(response.status == .ok)
        let events = Events()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var text = ""
                for try await part in response.body {
                    text += String(buffer: part)
                    while let end = text.firstIndex(of: "\n") {
                        let line: Substring = text[..<end]
                        if line.hasPrefix("event: ") { events.add(String(line.dropFirst(7))) }
                        text = String(text[text.index(after: end)...])
                    }
                }
            }
            try await until(["generation"], events, server)
            try await body(events)
            group.cancelAll()
        }
    }

    private func until(_ names: [String], _ events: Events, _ server: RunningServer) async throws {
        _ = try await server.eventually { events.names == names ? true : nil }
    }

    @Test func aWebhookIsPassedOnAsAnEvent() async throws {
        try await RunningServer.with { server in
            try await following(server) { events in
                // Without a secret this machine is believed.
                let answer = try await server.send("POST", "/hooks/git", text: "{}")
                #expect(answer.status == 202)
                try await until(["generation", "git"], events, server)
            }
        }
    }

    // Shows F-GO-06
    @Test func whatOneServerIsToldEveryServerPassesOnOnce() async throws {
        try await RunningServer.with { told in
            try await RunningServer.with(database: told.database) { other in
                _ = try await other.eventually {
                    let found = try await told.database.superuser(
                        """
                        SELECT count(*) AS count FROM pg_stat_activity
                        WHERE datname = current_database() AND query = 'LISTEN "plumbline_looks"'
                        """)
                    return try found.only().int("count") == 2 ? true : nil
                }
                try await following(told) { ofTold in
                    try await following(other) { ofOther in
                        _ = try await told.send("POST", "/hooks/git", text: "{}")
                        try await until(["generation", "git"], ofOther, other)
                        _ = try await other.send("POST", "/hooks/git", text: "{}")
                        try await until(["generation", "git", "git"], ofTold, told)
                        try await until(["generation", "git", "git"], ofOther, other)
                    }
                }
            }
        }
    }

    @Test func withASecretOnlyTheForgeIsBelieved() async throws {
        try await RunningServer.with { server in
            try Self.write("It's a Secret to Everybody\n", server)
            let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            let body = "Hello, World!"
            #expect(try await server.send("POST", "/hooks/git", text: body).status == 401)
            let forged = try await server.send(
                "POST", "/hooks/git", headers: ["x-gitea-signature": String(digest.reversed())], text: body)
            #expect(forged.status == 401)
            #expect(forged.text.contains("another secret, or another body"))
            let large = try await server.send("POST", "/hooks/git", text: String(repeating: "x", count: 5 << 20))
            #expect(large.status == 413)
            try await following(server) { events in
                let answer = try await server.send(
                    "POST", "/hooks/git", headers: ["x-hub-signature-256": "sha256=\(digest)"], text: body)
                #expect(answer.status == 202)
                try await until(["generation", "git"], events, server)
            }
            let metrics = try await server.send("GET", "/metrics").text
            #expect(metrics.contains("plumb_webhooks_total{result=\"refused\"} 3\n"))
        }
    }

    @Test func aSecretThatEverybodyCanReadClosesTheHook() async throws {
        try await RunningServer.with { server in
            try Self.write("x", server, mode: 0o644)
            let answer = try await server.send("POST", "/hooks/git", headers: ["x-gitlab-token": "x"], text: "{}")
            #expect(answer.status == 503)
            #expect(answer.text.contains("everybody can read"))
        }
    }

    private static func write(_ text: String, _ server: RunningServer, mode: Int = 0o600) throws {
        try FileManager.default.createDirectory(atPath: server.secretsFolder, withIntermediateDirectories: true)
        let path = "\(server.secretsFolder)/git-webhook"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    // Shows F-GO-14
    @Test func aFileThatWasEditedOnAHostIsAnEventOnce() async throws {
        try await RunningServer.with { server in
            func report(_ digest: String) async throws {
                let status = AgentStatus(
                    host: "web-1", agentId: "a", bootId: "b", version: "0.1.0",
                    running: .init(storeId: nil, generation: nil, digest: digest, resources: []),
                    file: .init(digest: digest, receivedDigest: "sent", changedAt: nil, owner: "alice"),
                    clockOffsetMilliseconds: nil, facts: [:])
                let answer = try await server.send(
                    "POST", "/v1/agent/status", as: [.ingest], host: "web-1", body: status.json)
                #expect(answer.status == 200, "\(answer.text)")
            }
            try await following(server) { events in
                try await report("sent")
                try await report("edited")
                try await until(["generation", "agents"], events, server)
                try await report("edited")
                // What comes next is the webhook: the same edit was not told twice.
                _ = try await server.send("POST", "/hooks/git", text: "{}")
                try await until(["generation", "agents", "git"], events, server)
                try await report("edited again")
                try await until(["generation", "agents", "git", "agents"], events, server)
            }
        }
    }

    // Shows F-GO-07
    @Test func theLedgerIsReadWithItsTimes() async throws {
        try await RunningServer.with { server in
            let entry: JSONValue = [
                "id": "01KAJ5Z8Q4T9C3W5V6X7Y8Z9A0", "target": "server", "kind": "Retention", "name": "metrics",
                "action": "update", "paths": ["/keep"],
                "changedBy": ["who": "alice", "via": "sql", "at": "2026-11-21T09:00:00Z"],
                "detectedAt": "2026-11-21T09:00:01Z", "state": "healed", "result": "applied",
                "endedAt": "2026-11-21T09:00:01.5Z", "updatedAt": "2026-11-21T09:00:01.5Z",
            ]
            let report: JSONValue = [
                "version": 1, "id": "01KAJ5Z8Q4T9C3W5V6X7Y8Z9A1", "startedAt": "2026-11-21T09:00:01Z",
                "outcome": "corrected", "changes": [], "drift": [entry],
            ]
            #expect(try await server.send("POST", "/api/v1/reports", as: [.config], body: report).status == 200)
            let answer = try await server.send("GET", "/api/v1/drift?state=healed&kind=Retention", as: [.query])
            #expect(answer.json?["drift"]?.array?.first?["healSeconds"] == 0.5)
            #expect(answer.json?["summary"]?["detectSeconds"]?["p50"] == 1)
            #expect(try await server.send("GET", "/api/v1/drift?host=x", as: [.query]).json?["drift"] == [])
            let wrong = try await server.send("GET", "/api/v1/drift?state=broken", as: [.query])
            #expect(wrong.status == 400)
            #expect(wrong.text.contains("expected one of open, healed, gone"))
            #expect(try await server.send("GET", "/api/v1/drift").status == 401)
        }
    }
}
