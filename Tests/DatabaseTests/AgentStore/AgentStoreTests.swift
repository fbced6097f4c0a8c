import ConfigAPI
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct AgentStoreTests {
    private func status(_ host: String, digest: String = "d1") -> AgentStatus {
        AgentStatus(
            host: host, agentId: "agent-\(host)", bootId: "boot-1", version: "0.1.0",
            running: .init(
                storeId: "store", generation: 3, digest: digest,
                resources: [
                    .init(kind: "Collector", name: "cpu", spec: ["source": "cpu"], digest: "x", state: .running)
                ]),
            file: .init(
                digest: digest, receivedDigest: "d1", changedAt: Timestamp(milliseconds: 1000), owner: "root"),
            clockOffsetMilliseconds: -12, facts: ["os": "debian"])
    }

    @Test func `a host is known from the first thing it sends, and its status comes back whole`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        #expect(try await store.agent(host: "web-1") == nil)
        try await store.touch(hosts: ["web-2", "web-1", "web-2"])
        try await store.record(status("web-1"))
        let (agents, now) = try await store.agents()
        #expect(agents.map(\.host) == ["web-1", "web-2"])
        #expect(agents[0].status == status("web-1"))
        #expect(agents[0].bootId == "boot-1")
        #expect(agents[1].status == nil)
        #expect(agents.allSatisfy { (now - $0.lastSeen) < .minutes(1) })
    }

    // Shows W-A-16
    @Test func `a touch moves the time a host was last seen`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        try await store.record(status("web-1"))
        try await database.superuser("UPDATE agents SET last_seen = now() - interval '1 hour'")
        let before = try #require(try await store.agent(host: "web-1"))
        try await store.touch(hosts: ["web-1"])
        let after = try #require(try await store.agent(host: "web-1"))
        #expect(after.lastSeen - before.lastSeen >= .minutes(59))
        #expect(after.status == before.status)
        #expect(after.statusAt == before.statusAt)
    }

    @Test func `touches of the same hosts in other orders at once do not fail`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        let hosts: [String] = (0..<50).map { "host-\($0)" }
        try await store.touch(hosts: hosts)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5 {
                        try await database.superuser(
                            "UPDATE agents SET last_seen = now() - interval '1 hour' WHERE host = 'none'")
                        try await store.touch(hosts: hosts.shuffled())
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.agents().agents.count == 50)
    }

    @Test func `what a host is to run is dated when it becomes something else`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        try await store.touch(hosts: ["web-1"])
        try await store.expect(["web-1": "d1", "unknown": "d1"])
        let first = try #require(try await store.agent(host: "web-1"))
        try await store.expect(["web-1": "d1"])
        #expect(try await store.agent(host: "web-1") == first)
        try await store.expect(["web-1": "d2"])
        let second = try #require(try await store.agent(host: "web-1"))
        #expect(second.expectedDigest == "d2")
        #expect(try #require(second.expectedSince) > (try #require(first.expectedSince)))
        #expect(try await store.agent(host: "unknown") == nil)
    }

    @Test func `requests to set right are numbered per host and each resource's last one is kept`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        try await store.touch(hosts: ["web-1", "web-2"])
        let cpu = "Collector/cpu"
        let disk = "Collector/disk"
        #expect(try await store.requestResync(.init(hosts: ["web-1", "nobody"], resources: [cpu])) == ["web-1"])
        _ = try await store.requestResync(.init(hosts: ["web-1"], resources: [disk]))
        _ = try await store.requestResync(.init(hosts: ["web-1", "web-2"], resources: [cpu]))
        let first = try #require(try await store.agent(host: "web-1"))
        #expect(first.resyncNumber == 3)
        #expect(first.resyncRequests.count == 2)
        #expect(first.resync(after: 0) == [cpu, disk])
        #expect(first.resync(after: 2) == [cpu])
        #expect(first.resync(after: 3) == [])
        #expect(try await store.agent(host: "web-2")?.resyncNumber == 1)
    }

    @Test func `a removed host comes back when it sends something`() async throws {
        let database = try await TestPostgres.database()
        let store = AgentStore(pool: database.pool)
        try await store.touch(hosts: ["web-1"])
        try await store.remove(host: "web-1")
        #expect(try await store.agents().agents.isEmpty)
        try await store.touch(hosts: ["web-1"])
        #expect(try await store.agents().agents.count == 1)
    }
}

@Suite struct LoginLinkStoreTests {
    @Test func `a link opens once, also when two use it at the same time`() async throws {
        let database = try await TestPostgres.database()
        let store = LoginLinkStore(pool: database.pool)
        try await store.create(hash: "h1", subject: "operator", validFor: .minutes(10))
        let opened: [String] = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<6 { group.addTask { try await store.consume(hash: "h1") } }
            var subjects: [String] = []
            for try await subject in group { subjects += [subject].compactMap { $0 } }
            return subjects
        }
        #expect(opened == ["operator"])
        #expect(try await store.consume(hash: "h1") == nil)
        #expect(try await store.consume(hash: "never made") == nil)
    }

    @Test func `a link that has ended opens nothing`() async throws {
        let database = try await TestPostgres.database()
        let store = LoginLinkStore(pool: database.pool)
        try await store.create(hash: "h1", subject: "operator", validFor: .minutes(10))
        try await database.superuser("UPDATE login_links SET expires_at = now() - interval '1 second'")
        #expect(try await store.consume(hash: "h1") == nil)
    }
}
