import AsyncHTTPClient
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

/// `plumb-server` as a process of its own, over and over on the same database and port.
final class FaultServer {
    let url: String
    private let folder: TemporaryFolder
    private let arguments: [String]
    private let program: String
    private var process: ChildProgram?

    init(_ database: DatabaseAddress) throws {
        folder = try TemporaryFolder()
        // Chosen by the kernel once.
        let port: Int = try LocalListener().port
        url = "http://127.0.0.1:\(port)"
        // An optimised one for the proof; else the one that was built with the tests.
        program = try getenv("PLUMBLINE_FAULT_SERVER").map { String(cString: $0) } ?? BuiltPrograms.path("plumb-server")
        arguments = [
            "run", "--database", database.conninfo, "--keys", folder("keys.json"), "--listen", "127.0.0.1:\(port)",
            "--port-file", folder("port"), "--seal-interval", "200ms",
        ]
    }

    func token(host: String) async throws -> String {
        try await TokenAuthority(keysFile: folder("keys.json")).mint(
            TokenClaims(subject: host, scopes: [.ingest], host: host, issuedAt: .now(), lifetime: .hours(12)))
    }

    /// Starts it and waits until it answers.
    func start() async throws {
        unlink(folder("port"))
        let child = try ChildProgram(program, arguments, environment: ["PLUMB_CRASH_LIMIT": "0"])
        process = child
        _ = try await answered("the server answers", within: .seconds(60)) {
            guard child.status == nil else { throw TestSupportError(String(child.output.suffix(2000))) }
            return access(self.folder("port"), F_OK) == 0 ? true : nil
        }
    }

    func kill() {
        process?.kill()
        process = nil
    }

    var log: String { process?.output ?? "" }

    /// Asks the server as `scopes` let; throws where it does not say 200.
    func ask(_ method: String, _ path: String, as scopes: Set<Scope>, body: JSONValue? = nil) async throws -> JSONValue
    {
        let token: String = try await TokenAuthority(keysFile: folder("keys.json")).mint(
            TokenClaims(subject: "tester", scopes: scopes, host: nil, issuedAt: .now(), lifetime: .hours(1)))
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body { request.body = .bytes(ByteBuffer(bytes: body.canonical)) }
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let text = String(buffer: try await response.body.collect(upTo: 8 << 20))
        guard response.status == .ok else {
            throw TestSupportError("\(method) \(path): \(response.status.code) \(text)")
        }
        return (try? JSONValue(parsing: text)) ?? .null
    }
}
