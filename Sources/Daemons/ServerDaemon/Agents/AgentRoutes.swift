import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
package import Hummingbird
import Logging
import Runtime
import ServiceLifecycle
package import StoreService
import Telemetry

/// How agents get their config and say what they run, and how gitops-sync sees them and sets them right.
package struct AgentRoutes: RouteGroup {
    /// The longest that a request for a config waits.
    static let longestWait = 25
    /// How often a waiting request looks at the database, for requests that another server took.
    static let recheck = Duration.seconds(5)
    /// Bytes of a status: a thousand resources with their specs.
    static let statusLimit = 4 << 20
    static let mostNamed = 10_000

    private let directory: AgentDirectory
    private let store: AgentStore
    private let live: LiveConfig
    private let signals: ResyncSignals
    private let edits: EditedFiles
    private let tell: @Sendable (LookSignals.Reason) async -> Void
    private let activity: HostActivity
    private let commits: EnforcedCommits
    private let waiting: GaugeInstrument
    private let clock: any Clock<Duration>
    private let now: WallClock

    package init(_ parts: ServerParts, clock: any Clock<Duration> = ContinuousClock()) {
        directory = parts.directory
        store = parts.agents
        live = parts.live
        signals = parts.resyncs
        edits = parts.edits
        tell = parts.tell
        activity = parts.activity
        commits = parts.commits
        waiting = parts.metrics.gauge("plumb_agents_waiting", "Agents that wait for another config.")
        self.clock = clock
        now = parts.clock
    }

    package func add(to router: Router<ServerContext>) {
        router.group("/v1/agent", requiring: .ingest)
            .get("config") { request, context in try await config(request, context) }
            .post("status") { request, context in try await status(request, context) }
        router.group("/v1/agents", requiring: .configRead).get { _, _ in try await list() }
        router.group("/v1/agents", requiring: .config)
            .post("resync") { request, context in try await resync(request, context) }
    }

    // MARK: Config

    /// Answers at once when the host is to run something else than the tag says, or else when it does, or with 304 at
    /// the end of the wait.
    private func config(_ request: Request, _ context: ServerContext) async throws -> Response {
        let host: String = try context.requireHost()
        let wait: Int = try request.integerParameter("wait", in: 0...Self.longestWait) ?? 0
        let known = KnownTag(request.headers[.ifNoneMatch])
        activity.seen(host)
        let wakes: AsyncStream<Bool> = wakes(for: host, wait: .seconds(wait))
        if wait > 0 { waiting.add(1) }
        defer { if wait > 0 { waiting.add(-1) } }
        var present: AgentConfig?
        for await isLast in wakes.cancelOnGracefulShutdown() {
            present = try await agentConfig(host, known)
            if let present, present.entityTag != known.tag {
                return .json(present.json, headers: [.eTag: present.entityTag])
            }
            if isLast { break }
        }
        guard let tag = present?.entityTag else {
            throw HTTPProblem(.serviceUnavailable, "the configuration was not loaded yet")
        }
        return Response(status: .notModified, headers: [.eTag: tag, .cacheControl: "no-store"])
    }

    private func agentConfig(_ host: String, _ known: KnownTag) async throws -> AgentConfig? {
        let record: AgentRecord? = try await store.agent(host: host)
        guard var config = await directory.expected(for: host, facts: record?.status?.facts ?? [:])?.config else {
            return nil
        }
        config.resyncNumber = record?.resyncNumber ?? 0
        // An agent that names no number knows of no request; what was asked before it came is asked again if it is
        // still so. All of the past at once would undo changes that nobody asked to undo.
        config.resync = known.resyncNumber.flatMap { record?.resync(after: $0) } ?? []
        return config
    }

    /// When to look: at once, on every change that may concern the host, now and then, and for the last time (true) at
    /// the end of the wait.
    private func wakes(for host: String, wait: Duration) -> AsyncStream<Bool> {
        let (stream, continuation) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(2))
        guard wait > .zero else {
            continuation.yield(true)
            continuation.finish()
            return stream
        }
        continuation.yield(false)
        let number: Int = signals.add(host) { continuation.yield(false) }
        let changes = Task { [live] in
            for await _ in await live.updates() { continuation.yield(false) }
        }
        let ticks = Task { [clock] in
            var remaining: Duration = wait
            while remaining > .zero {
                let step: Duration = min(remaining, Self.recheck)
                try await clock.sleep(for: step)
                remaining -= step
                continuation.yield(remaining <= .zero)
            }
            continuation.finish()
        }
        continuation.onTermination = { [signals] _ in
            signals.remove(number)
            changes.cancel()
            ticks.cancel()
        }
        return stream
    }

    // MARK: Status

    private func status(_ request: Request, _ context: ServerContext) async throws -> Response {
        let host: String = try context.requireHost()
        // Before anything can fail: a status that is malformed is a sign of life too.
        activity.seen(host)
        let status: AgentStatus = try await request.decode(limit: Self.statusLimit)
        _ = try context.requireHost(status.host)
        try await store.record(status, from: context.remoteAddress)
        if edits.notes(status) { await tell(.agents) }
        var headers: HTTPFields = [:]
        var applied: AppliedCommit?
        if let expected = await directory.expected(for: host, facts: status.facts) {
            headers[.plumbConfig] = expected.config.digest
            try await store.expect([host: expected.config.digest])
            applied = try await noteApplied(status, expected.config)
        }
        return .json(
            .ok, .object(compacting: ["serverTime": .time(now()), "applied": applied?.json]), headers: headers)
    }

    /// The commit that the host has applied, where it runs what it is to run; written down when that is news.
    private func noteApplied(_ status: AgentStatus, _ expected: AgentConfig) async throws -> AppliedCommit? {
        guard status.running.digest == expected.digest, let commit = commits.applied(at: expected.generation) else {
            return nil
        }
        if !commits.isWritten(commit, of: status.host) {
            try await store.noteApplied(commit, by: status.host)
            commits.wrote(commit, of: status.host)
        }
        return commit
    }

    // MARK: For gitops-sync

    private func list() async throws -> Response {
        let (records, now) = try await store.agents()
        var views: [AgentView] = []
        var moved: [String: String] = [:]
        for record in records {
            guard let view = await view(of: record, now: now) else { continue }
            if record.expectedDigest != view.expected.digest { moved[record.host] = view.expected.digest }
            views.append(view)
        }
        // Since when it is expected is written down by whoever sees it first.
        if !moved.isEmpty { try await store.expect(moved, since: now) }
        return .json(["version": 1, "agents": views.json])
    }

    /// Nil for a host that has no agent, and until the configuration was loaded.
    private func view(of record: AgentRecord, now: Timestamp) async -> AgentView? {
        guard let status = record.status,
            let (config, profile) = await directory.expected(for: record.host, facts: status.facts)
        else { return nil }
        var expected: AgentConfig = config
        expected.resyncNumber = record.resyncNumber
        let isSame: Bool = record.expectedDigest == config.digest
        // What the agent runs is as old as its status: samples from the host say nothing about it.
        let statusAt: Timestamp = record.statusAt ?? record.lastSeen
        return AgentView(
            host: record.host, lastSeen: statusAt, isFresh: now - statusAt < profile.downAfter, expected: expected,
            expectedSince: isSame ? record.expectedSince ?? now : now, status: status, applied: record.applied)
    }

    private func resync(_ request: Request, _ context: ServerContext) async throws -> Response {
        let wanted: AgentResync = try await request.decode(limit: 4 << 20)
        guard wanted.hosts.count <= Self.mostNamed, wanted.resources.count <= Self.mostNamed else {
            throw HTTPProblem(.unprocessableContent, "at most \(Self.mostNamed) hosts and resources in one request")
        }
        if let malformed = wanted.resources.first(where: { ResourceKey($0) == nil }) {
            throw HTTPProblem(.unprocessableContent, "\"\(malformed)\" is no resource: expected Kind/name")
        }
        let asked: [String] = try await store.requestResync(wanted)
        signals.signal(hosts: asked)
        context.logger.info(
            "agents asked to set resources right",
            metadata: .of([.host: asked.joined(separator: " "), .resource: wanted.resources.joined(separator: " ")]))
        let unknown: [String] = wanted.hosts.filter { !asked.contains($0) }
        return .json(["hosts": .array(asked.map(JSONValue.string)), "unknown": .array(unknown.map(JSONValue.string))])
    }
}

/// The tag that an agent hands back: `"<digest>/<number of the last request to set something right>"`.
private struct KnownTag {
    let tag: String?
    let resyncNumber: Int?

    init(_ header: String?) {
        tag = header
        resyncNumber = header.flatMap { text in
            text.split(separator: "/").last.flatMap { Int($0.prefix { $0.isNumber }) }
        }
    }
}
