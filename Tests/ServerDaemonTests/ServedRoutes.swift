import AsyncHTTPClient
import Declarations
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServerDaemon
import StoreService
import Testing

/// Says nothing; unlike a handler that does nothing it keeps a request's number, which the server reads back.
let quietLogger: Logger = {
    var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    return logger
}()

/// Serves a router on a free port of loopback while `body` runs.
func withServed(_ router: Router<ServerContext>, _ body: (ServedRoutes) async throws -> Void) async throws {
    let (ports, port) = AsyncStream<Int>.makeStream()
    let application = Application(
        router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
        logger: quietLogger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await application.run() }
        let found: Int = try #require(await ports.first { _ in true })
        try await body(ServedRoutes(url: "http://127.0.0.1:\(found)"))
    }
}

struct ServedRoutes: Sendable {
    let url: String

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var text: String
    }

    func send(
        _ method: String, _ path: String, headers: [String: String] = [:], body: JSONValue? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body.canonical)) }
        let response: HTTPClientResponse = try await Self.client.execute(request, timeout: .seconds(20))
        let buffer: ByteBuffer = try await response.body.collect(upTo: 8 << 20)
        let fields: [(String, String)] = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), headers: Dictionary(fields) { first, _ in first },
            text: String(buffer: buffer))
    }

    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
}
