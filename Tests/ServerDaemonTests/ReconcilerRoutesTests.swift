import ConfigAPI
import ConfigAPIServer
import Declarations
import Telemetry
import Testing

@testable import ServerDaemon

@Suite struct ReconcilerRoutesTests {
    private func status(generation: Int = 1) -> JSONValue {
        ReconcilerStatus(
            source: "gitops-sync", host: "sync-1", patience: .seconds(50), outcome: "inSync",
            report: "01JCZ0000000000000000000AA", drift: 0, generation: generation,
            commit: AppliedCommit(id: "c0ffee", committedAt: Timestamp(milliseconds: 1_763_683_600_000))
        ).json
    }

    @Test func `a reconciler speaks for itself alone`() async throws {
        try await RunningServer.with { server in
            let own = try await server.send(
                "POST", "/api/v1/reconcilers", as: [.config], subject: "gitops-sync", body: status())
            #expect(own.status == 200, "\(own.text)")
            let other = try await server.send(
                "POST", "/api/v1/reconcilers", as: [.config], subject: "mallory", body: status())
            #expect(other.status == 403)
            #expect(try await server.send("POST", "/api/v1/reconcilers", as: [.query], body: status()).status == 403)
            let list = try await server.send("GET", "/api/v1/reconcilers", as: [.query]).json
            #expect(list?["reconcilers"]?.array?.count == 1)
            #expect(list?["reconcilers"]?.array?.first?["patience"] == "50s")
        }
    }

    // Shows F-GO-14
    @Test func `a host's commit is the enforced one once it runs what it should, and stays while it is behind`()
        async throws
    {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let generation: Int = try await server.snapshot().generation
            _ = try await server.send(
                "POST", "/api/v1/reconcilers", as: [.config], subject: "gitops-sync",
                body: status(generation: generation))
            let answer = try await server.send("GET", "/v1/agent/config", as: [.ingest], subject: "web", host: "web")
            let config = try AgentConfig(json: #require(answer.json))

            func report(_ digest: String) async throws -> JSONValue? {
                let status = AgentStatus(
                    host: "web", agentId: "a", bootId: "b", version: "1",
                    running: .init(
                        storeId: config.storeId, generation: config.generation, digest: digest, resources: []),
                    file: .init(digest: digest, receivedDigest: digest, changedAt: nil, owner: nil),
                    clockOffsetMilliseconds: nil, facts: [:])
                return try await server.send(
                    "POST", "/v1/agent/status", as: [.ingest], subject: "web", host: "web", body: status.json
                ).json
            }
            _ = try await server.eventually {
                try await report(config.digest)?["applied"]?["id"]?.string == "c0ffee" ? true : nil
            }
            var host: JSONValue? = try await server.send("GET", "/api/v1/hosts/web", as: [.query]).json
            #expect(host?["agent"]?["applied"]?["id"] == "c0ffee")
            #expect(host?["agent"]?["behindSince"] == nil)

            #expect(try await report("other")?["applied"] == nil)
            host = try await server.send("GET", "/api/v1/hosts/web", as: [.query]).json
            #expect(host?["agent"]?["applied"]?["id"] == "c0ffee")
            #expect(host?["agent"]?["behindSince"]?.string != nil)
            let view = try await server.send("GET", "/v1/agents", as: [.configRead]).json
            #expect(view?["agents"]?.array?.first?["applied"]?["id"] == "c0ffee")
            let page: String = try await server.send("GET", "/", as: [.query]).text
            #expect(page.contains("config behind since"), "\(page)")
        }
    }
}
