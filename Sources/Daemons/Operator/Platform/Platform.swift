import Assets
import Database
import Declarations
import Glibc
import PlatformClient
package import Runtime
import ServiceLifecycle
import Telemetry

/// The whole platform of one data directory: PostgreSQL, server, proxy, agent, gitops-sync and
/// plumb-page as supervised processes, started in order, stopped in the opposite one.
package actor Platform: Service {
    let settings: PlatformSettings
    let directory: DataDirectory
    let programs: Programs
    let runtime: RuntimeDirectory
    let tokens: TokenKeeper
    let console: Console
    private let clock: any Clock<Duration>
    private let wallClock: WallClock
    private var supervisor: Supervisor?
    private var record: RunRecord
    /// The connection string of the proxy's role, once it is known; nil where there is no proxy.
    var proxyDatabase: String?

    /// In the order in which they are stopped, those of one line at once: clients before what they speak to, so that
    /// the agent hands over what it holds. The deadlines of the lines add up to less than 10 s.
    private static let stopOrder = [["agent", "gitops-sync", "page"], ["server", "proxy"], ["postgres"]]
    private static let housekeeping: Duration = .seconds(10)

    package init(
        settings: PlatformSettings, programs: Programs, console: Console,
        clock: any Clock<Duration> = ContinuousClock(),
        wallClock: @escaping WallClock = Timestamp.now
    ) {
        self.settings = settings
        self.programs = programs
        self.console = console
        self.clock = clock
        self.wallClock = wallClock
        let directory: DataDirectory = settings.dataDirectory
        let runtime: RuntimeDirectory = .standard(for: directory)
        self.directory = directory
        self.runtime = runtime
        tokens = TokenKeeper(
            directory: directory, programs: programs, host: settings.host, hasProxy: settings.hasProxy, now: wallClock)
        record = RunRecord(
            processID: getpid(), startedAt: wallClock(), serverURL: settings.serverURL,
            runtimeDirectory: runtime.path, database: "", operatorDatabase: "",
            configRepository: settings.configRepositoryURL ?? directory.configRepository, isReady: false, children: [])
    }

    /// Starts everything, says so, keeps it until a graceful shutdown, stops everything. Throws when it cannot start.
    package func run() async throws {
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown {
                try await self.start()
                await self.announce()
                await self.keepHouse()
            }
        } catch is CancellationError {
            // Stopped while it started.
        } catch {
            failure = error
        }
        if supervisor != nil { console.say("stopping ...") }
        await stop()
        if let failure { throw failure }
        console.say("stopped")
    }

    private func start() async throws {
        try directory.create()
        let user: OSUser? = settings.databaseAddress == nil ? try PostgresCluster.unprivilegedUser() : nil
        try await LeftOvers(directory: directory).clear(console: console)
        try runtime.create(postgresUser: user)
        for port in [settings.port, settings.syncPort] + (settings.hasProxy ? [settings.proxyPort] : []) {
            try checkFree(port)
        }
        try writeRecord()
        let lifeline = try LifelinePipe()
        let supervisor = Supervisor(lifeline: lifeline, clock: clock) { [weak self] states in
            await self?.childrenChanged(states)
        }
        self.supervisor = supervisor
        let database: String = try await startDatabase(supervisor)
        try await prepareConfig()
        try await tokens.makeAll()
        let plans = ChildPlans(
            settings: settings, programs: programs, database: database, proxyDatabase: proxyDatabase,
            syncEnvironment: bootstrap.environment)
        try await startServer(plans, supervisor)
        try await startProxy(plans, supervisor)
        await supervisor.start(plans.agent)
        console.step("agent", "runs as host \(settings.host)")
        await supervisor.start(plans.sync)
        try await waitForFirstRun()
        // After the first run, which brings the declared pages.
        await supervisor.start(plans.page)
        record.isReady = true
        try writeRecord()
    }

    private func stop() async {
        if let supervisor {
            for names in Self.stopOrder {
                await withTaskGroup(of: Void.self) { group in
                    for name in names { group.addTask { await supervisor.stop(name) } }
                }
            }
        }
        unlink(directory.runRecord)
        try? Files.removeTree(runtime.path)
    }

    private func checkFree(_ port: UInt16) throws {
        guard try Ports.isFree(port) else {
            throw OperatorError(
                "port \(port) of 127.0.0.1 is in use by another program; choose another with --port (the server takes "
                    + "that one, the proxy the one above, gitops-sync the one two above)")
        }
    }

    private func startServer(_ plans: ChildPlans, _ supervisor: Supervisor) async throws {
        let client = ServerClient(baseURL: settings.serverURL, token: nil, timeoutSeconds: 2)
        await supervisor.start(plans.server)
        try await wait(for: "server", log: directory.log("server"), within: .seconds(60)) {
            (try? await client.send(.get, "/readyz"))?.isSuccess == true
        }
        console.step("server", settings.serverURL)
    }

    private func startProxy(_ plans: ChildPlans, _ supervisor: Supervisor) async throws {
        guard let plan = plans.proxy else {
            console.step("proxy", "none: PLUMB_PROXY_DATABASE_URL does not say where its database is")
            return
        }
        let client = ServerClient(baseURL: settings.proxyURL, token: nil, timeoutSeconds: 2)
        await supervisor.start(plan)
        try await wait(for: "proxy", log: directory.log("proxy"), within: .seconds(60)) {
            (try? await client.send(.get, "/readyz"))?.isSuccess == true
        }
        console.step("proxy", settings.proxyURL)
    }

    /// Waits for the report of gitops-sync's first run. A platform without one runs all the same: a remote repository
    /// may be away.
    private func waitForFirstRun() async throws {
        let client: ServerClient = adminClient
        let started: Timestamp = record.startedAt
        var first: JSONValue?
        let deadline: Timestamp = wallClock() + .seconds(20)
        while first == nil, wallClock() < deadline {
            let answer: JSONValue? = try? await client.json(.get, "/api/v1/reports", query: [("limit", "1")])
            first = answer?["reports"]?.array?.first { report in
                report["finishedAt"]?.string.flatMap { Timestamp(rfc3339: $0) }.map { $0 >= started } ?? false
            }
            if first == nil { try await clock.sleep(for: .milliseconds(100)) }
        }
        guard let first else {
            console.step("gitops-sync", "no run yet; see \(directory.log("gitops-sync"))")
            return
        }
        let outcome: String = first["outcome"]?.string ?? "?"
        let commit: Substring = first["commit"]?["id"]?.string?.prefix(8) ?? "no commit"
        console.step("gitops-sync", "\(outcome) at \(commit)")
    }

    var adminClient: ServerClient {
        ServerClient(baseURL: settings.serverURL, token: TokenFile(path: directory.token("admin")), timeoutSeconds: 5)
    }

    /// Polls until `isReady`; gives up at the limit, or when the child keeps ending, with the end of its log.
    func wait(
        for name: String, log: String, within limit: Duration, isReady: () async throws -> Bool
    ) async throws {
        var waited: Duration = .zero
        let step: Duration = .milliseconds(50)
        while !(try await isReady()) {
            let restarts: Int = record.children.first { $0.name == name }?.restarts ?? 0
            guard waited < limit, restarts < 3 else {
                let lines: [String] = BoundedLog.lastLines(of: log, count: 5)
                let why: String = restarts >= 3 ? "keeps ending" : "is not ready after \(limit.components.seconds) s"
                throw OperatorError("\(name) \(why); the end of \(log):\n" + lines.joined(separator: "\n"))
            }
            try await clock.sleep(for: step)
            waited += step
        }
    }

    // MARK: What the others read

    func setDatabase(service: String, people: String) throws {
        record.database = service
        record.operatorDatabase = people
        try writeRecord()
    }

    private func writeRecord() throws { try record.write(to: directory) }

    private func childrenChanged(_ states: [ChildState]) {
        let before: [RunRecord.Child] = record.children
        record.children = states.map { state in
            let old: RunRecord.Child? = before.first { $0.name == state.name }
            let isSame: Bool = old?.processID == state.processID
            return RunRecord.Child(
                name: state.name, processID: state.processID,
                startTicks: state.processID.flatMap { isSame ? old?.startTicks : ProcessTable.startTicks($0) },
                startedAt: state.processID.flatMap { _ in isSame ? old?.startedAt : wallClock() },
                restarts: state.restarts, lastEnd: state.lastEnd)
        }
        for state in states {
            let known: Int = before.first { $0.name == state.name }?.restarts ?? 0
            if state.restarts > known, case .waiting(let wait) = state.phase {
                let seconds: Double = (wait.inSeconds * 10).rounded() / 10
                console.say(
                    "\(state.name) ended (\(state.lastEnd ?? "?")); it starts again in \(seconds) s; see "
                        + directory.log(state.name))
            }
        }
        do { try writeRecord() } catch { console.say("\(error)") }
    }

    /// Until cancelled: keeps the logs within bounds and the tokens fresh.
    private func keepHouse() async {
        await periodically(every: Self.housekeeping, clock: clock) {
            for name in Self.stopOrder.joined() {
                do { try BoundedLog.rotate(self.directory.log(name)) } catch { self.console.say("\(error)") }
            }
            for problem in await self.tokens.renew() { self.console.say(problem) }
        }
    }
}
