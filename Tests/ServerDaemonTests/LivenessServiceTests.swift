import Alerting
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import Logging
import Runtime
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

private let start = Timestamp(milliseconds: 1_763_683_600_000)

/// Hosts as a test sets them, seen by liveness services that come and go.
private final class Fleet: Sendable {
    struct State: Sendable {
        var hosts: [String: KnownHost] = [:]
        var notifiers: [String: NotifierSpec]? = ["ops": NotifierSpec(type: .webhook, url: "http://ops")]
        var now: Timestamp = start
    }

    let state = Mutex(State())
    let database: TestDatabase
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() async throws { database = try await TestPostgres.database() }

    /// One look of a server at the fleet, `second` seconds after the start.
    func look(_ second: Int64, _ status: HostStatus, heard: Int64?, host: String = "web") async throws {
        state.withLock {
            $0.now = start + .seconds(second)
            $0.hosts[host] = KnownHost(
                name: host, status: status, lastSeen: heard.map { start + .seconds($0) },
                profile: HostGroups([]).profile(of: HostIdentity(name: host)), agent: nil, expectedDigest: nil)
        }
        _ = try await service().round()
    }

    /// The same of a host whose clock is so far ahead.
    func look(_ second: Int64, ahead milliseconds: Int?, _ status: HostStatus = .ok) async throws {
        let agent: AgentStatus? = milliseconds.map { milliseconds in
            AgentStatus(
                host: "web", agentId: "a", bootId: "b", version: "1",
                running: AgentStatus.Running(storeId: "s", generation: 1, digest: "d", resources: []),
                file: AgentStatus.ConfigFile(digest: nil, receivedDigest: nil, changedAt: nil, owner: nil),
                clockOffsetMilliseconds: milliseconds, facts: [:])
        }
        state.withLock {
            $0.now = start + .seconds(second)
            $0.hosts["web"] = KnownHost(
                name: "web", status: status, lastSeen: start + .seconds(second),
                profile: HostGroups([]).profile(of: HostIdentity(name: "web")), agent: agent, expectedDigest: nil)
        }
        _ = try await service().round()
    }

    /// A service that has just started: it remembers nothing.
    func service(hosts: (@Sendable () async throws -> [KnownHost])? = nil) -> LivenessService {
        LivenessService(
            hosts: hosts ?? { self.state.withLock { Array($0.hosts.values) } },
            statuses: HostStatusStore(pool: database.pool), clocks: HostClockStore(pool: database.pool),
            leaders: LeaderStore(pool: database.pool), holder: "a",
            notifiers: { self.state.withLock { $0.notifiers } }, now: { self.state.withLock { $0.now } },
            clock: ContinuousClock(), logger: logger)
    }

    /// `receiver rule event`, in order of posting.
    func told() async throws -> [String] {
        try await Outbox(pool: database.pool).log(limit: 100).reversed().map { entry in
            let body: JSONValue? = entry["notification"]
            return [entry["notifier"], body?["rule"], body?["event"]].map { $0?.string ?? "?" }.joined(separator: " ")
        }
    }
}

@Suite struct LivenessServiceTests {
    // Shows F-AL-07, W-A-15
    @Test func `stale, down and up are told once per transition, without any rule`() async throws {
        let fleet = try await Fleet()
        try await fleet.look(0, .ok, heard: 0)
        #expect(try await fleet.told().isEmpty)
        for second in [20, 21, 30] as [Int64] { try await fleet.look(second, .stale, heard: 0) }
        for second in [50, 51, 60] as [Int64] { try await fleet.look(second, .down, heard: 0) }
        for second in [70, 71] as [Int64] { try await fleet.look(second, .ok, heard: 69) }
        #expect(try await fleet.told() == ["ops host.stale firing", "ops host.down firing", "ops host.up resolved"])
        let bodies: [JSONValue?] = try await Outbox(pool: fleet.database.pool).log(limit: 3).map { $0["notification"] }
        #expect(bodies.map { $0?["severity"]?.string } == ["info", "critical", "warning"])
        #expect(bodies.allSatisfy { $0?["labels"] == ["host": "web"] })
        #expect(Set(bodies.compactMap { $0?["dedupeKey"]?.string }).count == 3)
    }

    // Shows F-AL-07, W-A-15
    @Test func `a server that starts again tells nothing of a host that stayed silent`() async throws {
        let fleet = try await Fleet()
        try await fleet.look(0, .ok, heard: 0)
        try await fleet.look(50, .down, heard: 0)
        // The new server gives every host its time: the status looks better without a sign of life.
        try await fleet.look(100, .ok, heard: 0)
        try await fleet.look(120, .stale, heard: 0)
        try await fleet.look(150, .down, heard: 0)
        #expect(try await fleet.told() == ["ops host.down firing"])
        try await fleet.look(160, .ok, heard: 159)
        #expect(try await fleet.told() == ["ops host.down firing", "ops host.up resolved"])
    }

    // Shows F-AL-08
    @Test func `a host that died while the server was away is told of one downAfter after the start`() async throws {
        let fleet = try await Fleet()
        let agents = AgentStore(pool: fleet.database.pool)
        try await agents.touch(hosts: ["web"])
        let live = LiveConfig(sha256: Digests.sha256)
        let activity = HostActivity(clock: Timestamp.now)
        let shown = Mutex<HostDirectory?>(nil)
        func look(listeningFor seconds: Int64) async throws {
            let directory = HostDirectory(
                store: agents, live: live,
                directory: AgentDirectory(live: live, store: agents, sha256: Digests.sha256), activity: activity,
                statuses: HostStatusStore(pool: fleet.database.pool), balances: BalanceStore(pool: fleet.database.pool),
                listeningSince: Timestamp.now() - .seconds(seconds))
            shown.withLock { $0 = directory }
            fleet.state.withLock { $0.now = .now() }
            _ = try await fleet.service { try await directory.hosts() }.round()
        }
        try await look(listeningFor: 0)
        try await fleet.database.superuser("UPDATE plumbline.agents SET last_seen = now() - interval '1 hour'")
        try await look(listeningFor: 1)
        #expect(try await fleet.told().isEmpty)
        try await look(listeningFor: 25)
        try await look(listeningFor: 55)
        #expect(try await fleet.told() == ["ops host.stale firing", "ops host.down firing"])
        // And after the next start it is still shown as down.
        try await look(listeningFor: 1)
        #expect(try await shown.withLock { $0 }?.hosts().map(\.status) == [.down])
    }

    // Shows F-AL-07
    @Test func `an expected host that never reported is told of as down`() async throws {
        let fleet = try await Fleet()
        try await fleet.look(0, .unknown, heard: nil)
        try await fleet.look(50, .down, heard: nil)
        try await fleet.look(60, .unknown, heard: nil)
        try await fleet.look(70, .down, heard: nil)
        #expect(try await fleet.told() == ["ops host.down firing"])
    }

    @Test func `a clock that is wrong is told of once, and once when it is right again`() async throws {
        let fleet = try await Fleet()
        try await fleet.look(0, ahead: nil)
        try await fleet.look(1, ahead: 60_000)
        #expect(try await fleet.told().isEmpty)
        try await fleet.look(2, ahead: -60_001)
        let notice: JSONValue? = try await Outbox(pool: fleet.database.pool).log(limit: 1).first?["notification"]
        #expect(notice?["value"]?.number == -60.001)
        #expect(notice?["annotations"]?["summary"]?.string?.contains("behind the server's") == true)
        // It wavers; then it is silent, and then it has not measured again.
        for offset in [59_000, 61_000, -31_000] { try await fleet.look(3, ahead: offset) }
        try await fleet.look(4, ahead: 0, .stale)
        try await fleet.look(5, ahead: nil)
        #expect(try await fleet.told().filter { $0.contains("clock") } == ["ops host.clock firing"])
        try await fleet.look(6, ahead: 30_000)
        #expect(
            try await fleet.told().filter { $0.contains("clock") } == [
                "ops host.clock firing", "ops host.clock resolved",
            ])
        try await fleet.look(7, ahead: 90_000)
        fleet.state.withLock { $0.hosts = [:] }
        _ = try await fleet.service().round()
        #expect(try await HostClockStore(pool: fleet.database.pool).told().isEmpty)
    }

    @Test func `recovery goes to those told of the silence who want it, and to no others`() async throws {
        let fleet = try await Fleet()
        fleet.state.withLock {
            $0.notifiers = [
                "ops": NotifierSpec(type: .webhook, url: "http://ops", isDefault: true, sendResolved: false),
                "pager": NotifierSpec(type: .webhook, url: "http://pager", isDefault: true),
                "chat": NotifierSpec(type: .webhook, url: "http://chat"),
            ]
        }
        try await fleet.look(0, .ok, heard: 0)
        try await fleet.look(50, .down, heard: 0)
        // The pager is no default any more, but was told.
        fleet.state.withLock { $0.notifiers?["pager"]?.isDefault = false }
        try await fleet.look(70, .ok, heard: 69)
        let told: [String] = try await fleet.told()
        #expect(Set(told) == ["ops host.down firing", "pager host.down firing", "pager host.up resolved"])
        #expect(told.count == 3)
    }

    @Test func `before a configuration is loaded nobody is looked at`() async throws {
        let fleet = try await Fleet()
        try await fleet.look(0, .ok, heard: 0)
        let notifiers = fleet.state.withLock { $0.notifiers }
        fleet.state.withLock { $0.notifiers = nil }
        try await fleet.look(50, .down, heard: 0)
        #expect(try await fleet.told().isEmpty)
        fleet.state.withLock { $0.notifiers = notifiers }
        try await fleet.look(51, .down, heard: 0)
        #expect(try await fleet.told() == ["ops host.down firing"])
    }
}

@Suite struct LivenessOfIngestTests {
    // Shows F-AL-09, W-A-16
    @Test func `a host is heard of even when its samples cannot be stored, and not before its token is checked`()
        async throws
    {
        let database: TestDatabase = try await TestPostgres.database()
        defer { withExtendedLifetime(database) {} }
        try await database.superuser("ALTER TABLE plumbline.sources RENAME TO sources_gone")
        let activity = HostActivity(clock: { start })
        let routes = IngestRoutes(
            frames: FrameStore(pool: database.pool), activity: activity, metrics: MetricsRegistry(),
            clock: { start }, configDigest: { _ in nil })
        let router = Router(context: ServerContext.self)
        router.add(middleware: ProblemResponses())
        router.add(middleware: TokenOfWeb())
        routes.add(to: router)
        let body: (String) -> JSONValue = { host in
            [
                "host": .string(host),
                "metrics": [["time": .time(start), "name": "cpu.percent", "value": 3.5, "labels": [:]]],
            ]
        }
        try await withServed(router) { client in
            let foreign = try await client.send("POST", "/api/v1/metrics", body: body("db"))
            #expect(foreign.status == 403)
            #expect(activity.lastSeen.isEmpty)
            let answer = try await client.send("POST", "/api/v1/metrics", body: body("web"))
            #expect(answer.status >= 500)
            #expect(activity.lastSeen == ["web": start])
        }
    }
}

/// Everybody is the agent of host `web`.
private struct TokenOfWeb: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var context: ServerContext = context
        context.identity = Identity(subject: "agent", scopes: [.ingest], host: "web")
        return try await next(request, context)
    }
}
