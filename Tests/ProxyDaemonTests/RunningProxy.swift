import AsyncHTTPClient
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Logging
import NIOCore
import NIOHTTP1
import Pipelines
import ProxyDaemon
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry
import TestSupport
import Testing

/// A whole proxy on a free port, and what a client needs to talk to it.
struct RunningProxy: Sendable {
    let url: String
    let database: TestDatabase
    let authority: TokenAuthority

    /// Runs a proxy while `body` runs, on a database of its own unless one is given, and stops it in order.
    static func with(
        database given: TestDatabase? = nil, sources: PipelineSources? = nil, secrets: [String: String] = [:],
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        let database: TestDatabase
        if let given { database = given } else { database = try await TestPostgres.database() }
        let folder = try TemporaryFolder()
        for (name, text) in secrets { try folder.write(text, to: "secrets/\(name)") }
        var configuration = ProxyConfiguration(
            database: database.proxyAddress.conninfo, keysFile: folder("keys.json"))
        configuration.listen = ListenAddress(host: "127.0.0.1", port: 0)
        configuration.secretsFolder = folder("secrets")
        configuration.poolSize = 4
        configuration.freshness = .seconds(1)
        let logger: Logger = LogSetup(service: "test", level: .info, format: .json).logger(sink: { _ in })
        let (ports, port) = AsyncStream<Int>.makeStream()
        let service = ProxyService(
            proxy: Proxy(configuration, sources: sources, logger: logger), port: port)
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
                let proxy = RunningProxy(
                    url: "http://127.0.0.1:\(found)", database: database, authority: authority)
                do { try await body(proxy) } catch {
                    tasks.cancelAll()
                    throw error
                }
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var text: String

        var json: JSONValue? { try? JSONValue(parsing: text) }
    }

    func send(
        _ method: String, _ path: String, as scopes: Set<Scope> = [], subject: String = "tester", host: String? = nil,
        body: JSONValue? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        if !scopes.isEmpty {
            let token: String = try await authority.mint(
                TokenClaims(subject: subject, scopes: scopes, host: host, issuedAt: .now(), lifetime: .hours(1)))
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        if let body { request.body = .bytes(ByteBuffer(bytes: body.canonical)) }
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(40))
        let buffer: ByteBuffer = try await response.body.collect(upTo: 8 << 20)
        let fields: [(String, String)] = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), headers: Dictionary(fields) { first, _ in first },
            text: String(buffer: buffer))
    }

    /// Puts resources on top of what is there.
    @discardableResult
    func put(_ changes: [ConfigChange], expecting status: Int = 200) async throws -> Answer {
        let read: Answer = try await send("GET", "/v1/config", as: [.config])
        let present: ConfigSnapshot = try ConfigSnapshot(json: #require(read.json))
        let patch = ConfigPatch(
            requestId: "test-\(UInt64.random(in: 0 ... .max))", storeId: present.storeId,
            generation: present.generation, revision: nil, leaseEpoch: nil, changes: changes)
        let answer: Answer = try await send("PATCH", "/v1/config", as: [.config], body: patch.json)
        try #require(answer.status == status, "\(answer.text)")
        return answer
    }

    /// Runs a pipeline to its end and gives the run as the history shows it.
    func run(_ name: String) async throws -> JSONValue {
        let started: Answer = try await send("POST", "/v1/pipelines/\(name)/run", as: [.pipelines])
        try #require(started.status == 202, "\(started.text)")
        let id: String = try #require(started.json?["runId"]?.string)
        return try await eventually {
            let history: JSONValue? = try await send("GET", "/v1/pipelines/\(name)/runs", as: [.pipelines]).json
            return history?["runs"]?.array?.first { $0["id"]?.string == id && $0["finishedAt"] != nil }
        }
    }

    func count(_ sql: String) async throws -> Int {
        try await database.superuser("SELECT (\(sql)) AS n").only().int("n")
    }
}

private struct ProxyService: Service {
    let proxy: Proxy
    let port: AsyncStream<Int>.Continuation

    func run() async throws { try await proxy.run(handlesSignals: false) { [port] in port.yield($0) } }
}

/// Asks again until the answer is there, or fails after some seconds.
@discardableResult
func eventually<Value: Sendable>(
    within limit: Duration = .seconds(20), _ body: () async throws -> Value?
) async throws -> Value {
    let deadline: ContinuousClock.Instant = .now + limit
    while true {
        if let value = try await body() { return value }
        try #require(ContinuousClock.now < deadline, "it did not happen within \(limit)")
        try await Task.sleep(for: .milliseconds(20))
    }
}
