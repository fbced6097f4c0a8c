import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import StoreService
import Telemetry
import Testing

@Suite struct AgentRoutesTests {
    private static func status(_ host: String, running config: AgentConfig? = nil) -> AgentStatus {
        let items: [AgentStatus.Item] = (config?.resources ?? []).map {
            AgentStatus.Item(kind: $0.kind, name: $0.name, spec: $0.spec, digest: $0.digest, state: .running)
        }
        let digest: String = config?.digest ?? "nothing"
        return AgentStatus(
            host: host, agentId: "agent-\(host)", bootId: "boot", version: "0.1.0",
            running: .init(
                storeId: config?.storeId, generation: config?.generation, digest: digest, resources: items),
            file: .init(digest: digest, receivedDigest: digest, changedAt: nil, owner: "root"),
            clockOffsetMilliseconds: 12, facts: ["os": "debian"])
    }

    private static func config(
        _ server: RunningServer, _ host: String = "web-1", tag: String? = nil, wait: Int = 0
    ) async throws -> RunningServer.Answer {
        try await server.send(
            "GET", "/v1/agent/config?wait=\(wait)", as: [.ingest], host: host,
            headers: tag.map { ["If-None-Match": $0] } ?? [:])
    }

    @Test func aHostGetsWhatSelectsItAndNothingElse() async throws {
        try await RunningServer.with { server in
            try await server.put([
                RunningServer.collector(),
                ConfigChange(
                    .put(["source": "memory", "interval": "10s", "hosts": ["names": ["db-*"]]]), kind: "Collector",
                    name: "memory"),
            ])
            let web = try AgentConfig(json: #require(try await Self.config(server, "web-1").json))
            let database = try AgentConfig(json: #require(try await Self.config(server, "db-1").json))
            #expect(web.resources.map(\.name) == ["cpu"])
            #expect(database.resources.map(\.name) == ["cpu", "memory"])
            #expect(web.digest != database.digest)
        }
    }

    @Test func aWaitingAgentHearsOfAChangeAtOnce() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector(interval: "10s")])
            let fastest: Duration = try await server.fastest(of: 5, enough: .seconds(1)) { attempt in
                let tag: String = try await server.tag(of: "web-1")
                async let waiting = Self.config(server, tag: tag, wait: 20)
                try await server.untilMetricsSay("plumb_agents_waiting 1")
                let start: ContinuousClock.Instant = .now
                try await server.put([RunningServer.collector(interval: "\(30 + attempt)s")])
                let answer: RunningServer.Answer = try await waiting
                #expect(answer.status == 200)
                #expect(answer.json?["resources"]?.array?.first?["spec"]?["interval"] == .string("\(30 + attempt)s"))
                #expect(answer.headers["etag"] != tag)
                return .now - start
            }
            #expect(fastest < .seconds(1))
        }
    }

    @Test func aChangeThatIsNotForTheHostDoesNotEndItsWait() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let tag: String = try await server.tag(of: "web-1")
            async let waiting = Self.config(server, tag: tag, wait: 5)
            try await server.untilMetricsSay("plumb_agents_waiting 1")
            try await server.put([
                ConfigChange(
                    .put(["source": "load", "interval": "10s", "hosts": ["names": ["db-1"]]]), kind: "Collector",
                    name: "load")
            ])
            let answer: RunningServer.Answer = try await waiting
            #expect(answer.status == 304)
            #expect(answer.headers["etag"] == tag)
        }
    }

    @Test func aRequestToSetSomethingRightReachesAWaitingAgent() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let config = try AgentConfig(json: #require(try await Self.config(server).json))
            let status: AgentStatus = Self.status("web-1", running: config)
            let posted = try await server.send(
                "POST", "/v1/agent/status", as: [.ingest], host: "web-1", body: status.json)
            #expect(posted.status == 200)
            #expect(posted.headers["plumb-config"] == config.digest)
            #expect(posted.json?["serverTime"]?.string.flatMap { Timestamp(rfc3339: $0) } != nil)
            async let waiting = Self.config(server, tag: config.entityTag, wait: 20)
            try await server.untilMetricsSay("plumb_agents_waiting 1")
            let resync = AgentResync(hosts: ["web-1", "nobody"], resources: ["Collector/cpu"])
            let asked = try await server.send("POST", "/v1/agents/resync", as: [.config], body: resync.json)
            #expect(asked.json?["hosts"] == ["web-1"])
            #expect(asked.json?["unknown"] == ["nobody"])
            let answer = try AgentConfig(json: #require(try await waiting.json))
            #expect(answer.resync == ["Collector/cpu"])
            #expect(answer.resyncNumber == 1)
            #expect(answer.digest == config.digest)
            // Who knows of the request is not told again.
            let again = try await Self.config(server, tag: answer.entityTag)
            #expect(again.status == 304)
        }
    }

    @Test func whatAnAgentRunsIsShownBesideWhatItIsToRun() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let config = try AgentConfig(json: #require(try await Self.config(server).json))
            let status: AgentStatus = Self.status("web-1", running: config)
            _ = try await server.send("POST", "/v1/agent/status", as: [.ingest], host: "web-1", body: status.json)
            let before: AgentView = try await Self.view(server)
            #expect(before.status == status)
            #expect(before.expected.digest == config.digest)
            #expect(before.isFresh)
            // Something else is expected from the moment of the change, also while the agent is away.
            try await server.put([RunningServer.collector(interval: "1m")])
            let after: AgentView = try await Self.view(server)
            #expect(after.expected.digest != config.digest)
            #expect(after.status.running.digest == config.digest)
            #expect(after.expectedSince > before.expectedSince)
            let later: AgentView = try await Self.view(server)
            #expect(later.expectedSince == after.expectedSince)
        }
    }

    @Test func aStatusOfAnotherHostIsRefused() async throws {
        try await RunningServer.with { server in
            let answer = try await server.send(
                "POST", "/v1/agent/status", as: [.ingest], host: "web-1", body: Self.status("db-1").json)
            #expect(answer.status == 403)
            let unbound = try await server.send("GET", "/v1/agent/config", as: [.admin])
            #expect(unbound.status == 403)
            let malformed = try await server.send(
                "POST", "/v1/agents/resync", as: [.config],
                body: AgentResync(hosts: ["web-1"], resources: ["cpu"]).json)
            #expect(malformed.status == 422)
        }
    }

    @Test func labelsOfAHostComeFromItsGroupsAndChooseItsConfig() async throws {
        try await RunningServer.with { server in
            try await server.put([
                ConfigChange(
                    .put(["hosts": ["db-*"], "labels": ["role": "database"]]), kind: "HostGroup", name: "databases"),
                ConfigChange(
                    .put(["source": "disk", "interval": "10s", "hosts": ["labels": ["role": "database"]]]),
                    kind: "Collector", name: "disk"),
            ])
            let database = try AgentConfig(json: #require(try await Self.config(server, "db-1").json))
            let web = try AgentConfig(json: #require(try await Self.config(server, "web-1").json))
            #expect(database.resources.map(\.name) == ["disk"])
            #expect(web.resources.isEmpty)
        }
    }

    private static func view(_ server: RunningServer) async throws -> AgentView {
        let answer = try await server.send("GET", "/v1/agents", as: [.configRead])
        return try AgentView(json: #require(answer.json?["agents"]?.array?.first))
    }
}
