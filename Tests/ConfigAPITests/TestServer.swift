import AsyncHTTPClient
import ConfigAPIServer
import Declarations
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

/// The config API over a backend, served on a free port of loopback. The bearer token is the scopes' names.
func withServer(
    _ backend: InMemoryBackend, streams: EventStreams = EventStreams(),
    _ body: (TestServer) async throws -> Void
) async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let (ports, port) = AsyncStream<Int>.makeStream()
    let application = Application(
        router: makeRouter(backend, streams),
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [application], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        let found: Int = try #require(await ports.first { _ in true })
        do {
            try await body(TestServer(url: "http://127.0.0.1:\(found)", group: group))
        } catch {
            tasks.cancelAll()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}

private func makeRouter(_ backend: InMemoryBackend, _ streams: EventStreams) -> Router<TestContext> {
    let router = Router(context: TestContext.self)
    router.add(middleware: ProblemResponses())
    router.add(middleware: TokenIsScopes())
    ConfigRoutes<TestContext>(backend: backend, streams: streams) { _, kind in
        .string("hidden \(kind?.rawValue ?? "unknown")")
    }.add(to: router)
    return router
}

struct TestServer {
    let url: String
    let group: ServiceGroup

    func send(
        _ method: String, _ path: String, token: String? = "config", headers: [(String, String)] = [],
        body: JSONValue? = nil
    ) async throws -> (status: Int, headers: [String: String], json: JSONValue?) {
        try await send(method, path, token: token, headers: headers, bytes: body?.canonical)
    }

    func send(
        _ method: String, _ path: String, token: String?, headers: [(String, String)] = [], bytes: [UInt8]?
    ) async throws -> (status: Int, headers: [String: String], json: JSONValue?) {
        var request = HTTPClientRequest(url: url + path)
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let bytes { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let buffer: ByteBuffer = try await response.body.collect(upTo: 8 << 20)
        let fields: [(String, String)] = response.headers.map { ($0.name.lowercased(), $0.value) }
        return (
            Int(response.status.code), Dictionary(fields) { first, _ in first },
            try? JSONValue(parsing: Array(buffer.readableBytesView))
        )
    }

    /// The lines of an event stream.
    func events(lastEventID: String? = nil) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url + "/v1/config/events")
        request.headers.add(name: "Authorization", value: "Bearer config:read")
        if let lastEventID { request.headers.add(name: "Last-Event-ID", value: lastEventID) }
        return try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    }
}

private struct TestContext: IdentifiedContext {
    var coreContext: CoreRequestContextStorage
    var identity: Identity?
    var remoteAddress: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
    }
}

private struct TokenIsScopes: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: TestContext, next: @concurrent (Request, TestContext) async throws -> Response
    ) async throws -> Response {
        var context: TestContext = context
        if let scopes = request.headers[.authorization].flatMap({ Scope.list($0.dropFirst("Bearer ".count)) }) {
            context.identity = Identity(subject: "ada", scopes: scopes)
        }
        return try await next(request, context)
    }
}
