import AsyncHTTPClient
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Logging
import NIOCore
import NIOHTTP1
import Runtime
import ServerDaemon
import ServiceLifecycle
import StoreService
import Telemetry
import TestSupport
import Testing

/// A whole server on a free port, and what a client needs to talk to it.
struct RunningServer: Sendable {
    let url: String
    let database: TestDatabase
    let group: ServiceGroup
    let secretsFolder: String
    private let authority: TokenAuthority

    /// Runs a server on a database of its own, or on one that another server uses, while `body` runs, and stops it in order.
    static func with(
        database: TestDatabase? = nil, _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let database: TestDatabase = if let database { database } else { try await TestPostgres.database() }
        let folder = try TemporaryFolder()
        var configuration = ServerConfiguration(
            database: database.address.conninfo, keysFile: folder("keys.json"))
        configuration.listen = ListenAddress(host: "127.0.0.1", port: 0)
        configuration.secretsFolder = folder("secrets")
        configuration.poolSize = 4
        change(&configuration)
        try await run(configuration, database, folder, body)
    }

    private static func run(
        _ configuration: ServerConfiguration, _ database: TestDatabase, _ folder: TemporaryFolder,
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let logger: Logger = LogSetup(service: "test", level: .info, format: .json).logger(sink: { _ in })
        let (ports, port) = AsyncStream<Int>.makeStream()
        let service = ServerService(server: Server(configuration, logger: logger), port: port)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { port.finish() }
                try await group.run()
            }
            if let found = await ports.first(where: { _ in true }) {
                let authority = try await TokenAuthority(keysFile: configuration.keysFile)
                let server = RunningServer(
                    url: "http://127.0.0.1:\(found)", database: database, group: group,
                    secretsFolder: folder("secrets"), authority: authority)
                do { try await body(server) } catch {
                    tasks.cancelAll()
                    throw error
                }
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    // MARK: Talking

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var text: String

        var json: JSONValue? { try? JSONValue(parsing: text) }
    }

    func token(_ scopes: Set<Scope>, subject: String = "tester", host: String? = nil) async throws -> String {
        try await authority.mint(
            TokenClaims(subject: subject, scopes: scopes, host: host, issuedAt: .now(), lifetime: .hours(1)))
    }

    func send(
        _ method: String, _ path: String, as scopes: Set<Scope> = [], subject: String = "tester", host: String? = nil,
        headers: [String: String] = [:], body: JSONValue? = nil, text: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        if !scopes.isEmpty {
            let token: String = try await token(scopes, subject: subject, host: host)
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body.canonical)) }
        if let text { request.body = .bytes(ByteBuffer(string: text)) }
        let response: HTTPClientResponse = try await Self.client.execute(request, timeout: .seconds(40))
        let buffer: ByteBuffer = try await response.body.collect(upTo: 8 << 20)
        let fields: [(String, String)] = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), headers: Dictionary(fields) { first, _ in first },
            text: String(buffer: buffer))
    }

    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))

    // MARK: Config

    func snapshot() async throws -> ConfigSnapshot {
        try ConfigSnapshot(json: #require(try await send("GET", "/v1/config", as: [.config]).json))
    }

    /// Puts resources as `subject` on top of what is there.
    @discardableResult
    func put(_ changes: [ConfigChange], subject: String = "gitops-sync") async throws -> ConfigSnapshot {
        let present: ConfigSnapshot = try await snapshot()
        let patch = ConfigPatch(
            requestId: "test-\(UInt64.random(in: 0 ... .max))", storeId: present.storeId,
            generation: present.generation,
            revision: nil, leaseEpoch: nil, changes: changes)
        let answer: Answer = try await send("PATCH", "/v1/config", as: [.config], subject: subject, body: patch.json)
        try #require(answer.status == 200, "\(answer.text)")
        return try ConfigSnapshot(json: #require(answer.json))
    }

    static func collector(_ name: String = "cpu", interval: String = "10s") -> ConfigChange {
        ConfigChange(.put(["source": "cpu", "interval": .string(interval)]), kind: "Collector", name: name)
    }

    /// Waits until the server's own metrics have a line.
    func untilMetricsSay(_ line: String) async throws {
        _ = try await eventually(within: .seconds(30)) {
            try await send("GET", "/metrics").text.contains(line + "\n") ? true : nil
        }
    }

    /// The shortest time of some attempts, the last of which was short enough. A single one says more about how busy
    /// the machine is than about the server.
    func fastest(
        of attempts: Int, enough: Duration, _ attempt: (_ number: Int) async throws -> Duration
    ) async throws -> Duration {
        var best: Duration = .seconds(3600)
        for number in 1...attempts where best >= enough { best = min(best, try await attempt(number)) }
        return best
    }

    /// Asks again until the answer is there, or fails after some seconds.
    func eventually<Value: Sendable>(
        within limit: Duration = .seconds(30), _ body: () async throws -> Value?
    ) async throws -> Value {
        let deadline: ContinuousClock.Instant = .now + limit
        while true {
            if let value = try await body() { return value }
            try #require(ContinuousClock.now < deadline, "it did not happen within \(limit)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

private struct ServerService: Service {
    let server: Server
    let port: AsyncStream<Int>.Continuation

    func run() async throws { try await server.run(handlesSignals: false) { [port] in port.yield($0) } }
}
