import AsyncHTTPClient
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Glibc
import NIOCore
import NIOHTTP1
import Runtime
import StoreService
import Telemetry
import TestSupport

/// `plumb-server` as a process of its own, over and over on one database and port, to be killed without a chance to say a
/// word.
final class ServerProcess {
    let url: String
    let database: TestDatabase
    private let folder: TemporaryFolder
    private let arguments: [String]
    private var process: ChildProgram?

    init() async throws {
        folder = try TemporaryFolder()
        database = try await TestPostgres.database()
        // Chosen by the kernel once: an instance is known by its port, also after a restart.
        let port: Int = try LocalListener().port
        url = "http://127.0.0.1:\(port)"
        arguments = [
            "run", "--database", database.address.conninfo, "--keys", folder("keys.json"), "--listen",
            "127.0.0.1:\(port)", "--port-file", folder("port"), "--pool-size", "4",
        ]
    }

    /// Starts it and waits until it runs what is stored.
    func start(_ environment: [String: String] = [:]) async throws {
        unlink(folder("port"))
        let child = try ChildProgram(
            BuiltPrograms.path("plumb-server"), arguments,
            environment: ["PLUMB_LIFELINE": "stdin"].merging(environment) { _, own in own })
        process = child
        _ = try await answered("the server is ready", within: .seconds(60)) {
            guard child.status == nil else { throw TestSupportError(String(child.output.suffix(2000))) }
            return try await send("GET", "/readyz").status == 200 ? true : nil
        }
    }

    func kill() {
        process?.kill()
        process = nil
    }

    /// Ends it in order.
    func stop() async throws {
        process?.signal(SIGTERM)
        try await process?.end()
        process = nil
    }

    var log: String { process?.output ?? "" }

    struct Answer: Sendable {
        var status: UInt
        var text: String
        var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }
    }

    func send(
        _ method: String, _ path: String, as scopes: Set<Scope> = [], body: JSONValue? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        if !scopes.isEmpty {
            let token: String = try await TokenAuthority(keysFile: folder("keys.json")).mint(
                TokenClaims(subject: "tester", scopes: scopes, host: nil, issuedAt: .now(), lifetime: .hours(1)))
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        if let body { request.body = .bytes(ByteBuffer(bytes: body.canonical)) }
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let buffer: ByteBuffer = try await response.body.collect(upTo: 8 << 20)
        return Answer(status: response.status.code, text: String(buffer: buffer))
    }

    func snapshot() async throws -> ConfigSnapshot {
        try ConfigSnapshot(json: try await send("GET", "/v1/config", as: [.config]).json)
    }

    /// Puts one resource on top of what is there.
    func put(_ change: ConfigChange) async throws {
        let present: ConfigSnapshot = try await snapshot()
        let patch = ConfigPatch(
            requestId: "test-\(UInt64.random(in: 0 ... .max))", storeId: present.storeId,
            generation: present.generation, revision: nil, leaseEpoch: nil, changes: [change])
        let answer: Answer = try await send("PATCH", "/v1/config", as: [.config], body: patch.json)
        guard answer.status == 200 else { throw TestSupportError(answer.text) }
    }

    /// A line of `/metrics`.
    func metric(_ name: String) async throws -> String? {
        try await send("GET", "/metrics").text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.map(
            String.init)
    }
}
