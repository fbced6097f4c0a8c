import Alerting
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Runtime
import ServerDaemon
import StoreService
import Telemetry
import TestSupport
import Testing

@Suite struct HostAndReportTests {
    // Shows F-SV-16
    @Test func hostsAreShownWithTheirStatusGroupsAndAgents() async throws {
        try await RunningServer.with { server in
            try await server.put([
                ConfigChange(
                    .put(["hosts": ["web-1", "web-2"], "labels": ["role": "web"]]), kind: "HostGroup", name: "webs")
            ])
            // A request with the host's token is a sign of life.
            _ = try await server.send("GET", "/v1/agent/config", as: [.ingest], host: "web-1")
            let hosts: [JSONValue] = try await server.eventually {
                let answer = try await server.send("GET", "/api/v1/hosts", as: [.query])
                let hosts: [JSONValue] = answer.json?["hosts"]?.array ?? []
                return hosts.first?["status"] == "ok" ? hosts : nil
            }
            #expect(hosts.map { $0["host"] } == ["web-1", "web-2"])
            #expect(hosts.map { $0["status"] } == ["ok", "unknown"])
            #expect(hosts[0]["groups"] == ["webs"])
            #expect(hosts[0]["labels"]?["role"] == "web")
            #expect(hosts[1]["lastSeen"] == nil)
            let one = try await server.send("GET", "/api/v1/hosts/web-1", as: [.query])
            #expect(one.json?["host"] == "web-1")
            let none = try await server.send("GET", "/api/v1/hosts/nobody", as: [.query])
            #expect(none.status == 404)
        }
    }

    @Test func silenceIsJudgedByTheThresholdsOfTheGroup() async throws {
        let database: TestDatabase = try await TestPostgres.database()
        let parts = HostParts(database)
        try await parts.load(["hosts": ["*"], "staleAfter": "20s", "downAfter": "1m"])
        for (host, seconds) in [("a", 5), ("b", 30), ("c", 90)] {
            try await database.superuser(
                "INSERT INTO plumbline.agents (host, last_seen) VALUES ($1, now() - make_interval(secs => $2))",
                [.text(host), .integer(seconds)])
        }
        let hosts: [KnownHost] = try await parts.hosts(listeningSince: Timestamp(seconds: 0)).hosts()
        #expect(hosts.map(\.status) == [.ok, .stale, .down])
        // Before this server listened nobody could be heard.
        let restarted: [KnownHost] = try await parts.hosts(listeningSince: .now()).hosts()
        #expect(restarted.map(\.status) == [.ok, .ok, .ok])
    }

    // Shows W-A-16
    @Test func aHostIsHeardBeforeAnythingIsStored() async throws {
        let database: TestDatabase = try await TestPostgres.database()
        let parts = HostParts(database)
        try await database.superuser(
            "INSERT INTO plumbline.agents (host, last_seen) VALUES ('web-1', now() - interval '1 day')")
        let before: [KnownHost] = try await parts.hosts(listeningSince: Timestamp(seconds: 0)).hosts()
        #expect(before.map(\.status) == [.down])
        parts.activity.seen("web-1")
        let after: [KnownHost] = try await parts.hosts(listeningSince: Timestamp(seconds: 0)).hosts()
        #expect(after.map(\.status) == [.ok])
    }

    @Test func aReportSentTwiceIsKeptOnce() async throws {
        try await RunningServer.with { server in
            let ids: [String] = ["01HZZZZZZZZZZZZZZZZZZZZZZ1", "01HZZZZZZZZZZZZZZZZZZZZZZ2"]
            for id in ids + ids {
                let answer = try await server.send("POST", "/api/v1/reports", as: [.config], body: Self.report(id))
                #expect(answer.status == 200, "\(answer.text)")
            }
            let list = try await server.send("GET", "/api/v1/reports", as: [.query])
            #expect(list.json?["reports"]?.array?.map { $0["id"] } == [.string(ids[1]), .string(ids[0])])
            let one = try await server.send("GET", "/api/v1/reports/\(ids[0])", as: [.query])
            #expect(one.json == Self.report(ids[0]))
            let page = try await server.send("GET", "/api/v1/reports?before=\(ids[1])&limit=5", as: [.query])
            #expect(page.json?["reports"]?.array?.map { $0["id"] } == [.string(ids[0])])
            let none = try await server.send("GET", "/api/v1/reports/01HZZZZZZZZZZZZZZZZZZZZZZ9", as: [.query])
            #expect(none.status == 404)
        }
    }

    @Test func whatIsNoReportIsRefusedWithTheMember() async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("POST", "/api/v1/reports", as: [.config], body: ["id": "7"])
            #expect(answer.status == 422)
            #expect(answer.json?["error"]?.string?.contains("/id") == true)
            for query in ["limit=0", "limit=x", "before=7"] {
                let status: Int = try await server.send("GET", "/api/v1/reports?\(query)", as: [.query]).status
                #expect(status == 400, "\(query)")
            }
        }
    }

    private static func report(_ id: String) -> JSONValue {
        [
            "version": 1, "id": .string(id), "host": "ops", "startedAt": "2026-11-20T12:00:00Z",
            "finishedAt": "2026-11-20T12:00:01Z", "outcome": "corrected",
            "commit": ["id": "4f2c", "author": "Ada", "subject": "Watch the disks"],
        ]
    }
}

/// What tells hosts, over a database, without a server.
private struct HostParts {
    let activity = HostActivity(clock: Timestamp.now)
    private let store: AgentStore
    private let configStore: ConfigStore
    private let live = LiveConfig(sha256: Digests.sha256)
    private let database: TestDatabase

    init(_ database: TestDatabase) {
        self.database = database
        store = AgentStore(pool: database.pool)
        configStore = ConfigStore(
            pool: database.pool, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
    }

    /// Makes a HostGroup with `spec` the configuration that runs.
    func load(_ spec: JSONValue) async throws {
        try await database.person(
            "INSERT INTO plumbline.resources (kind, name, spec) VALUES ('HostGroup', 'all', $1)", [.json(spec)])
        await live.adopt(try await configStore.load())
    }

    func hosts(listeningSince: Timestamp) -> HostDirectory {
        HostDirectory(
            store: store, live: live,
            directory: AgentDirectory(live: live, store: store, sha256: Digests.sha256), activity: activity,
            statuses: HostStatusStore(pool: database.pool), balances: BalanceStore(pool: database.pool),
            listeningSince: listeningSince)
    }
}
