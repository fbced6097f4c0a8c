import AsyncHTTPClient
import Declarations
import NIOCore
import NIOHTTP1
import Runtime
import Telemetry

/// One request to the server.
struct ServerRequest: Sendable {
    var method: HTTPMethod
    /// Path and query.
    var path: String
    var headers: [(String, String)]
    var body: [UInt8]?
    var timeout: Duration

    init(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil, timeout: Duration
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// What the server answered, whole.
struct ServerAnswer: Hashable, Sendable {
    var status: Int
    /// The span of `Retry-After`.
    var retryAfter: Duration?
    var body: [UInt8]

    /// The reason that the server gives, or the first bytes of what it said instead.
    var reason: String {
        if let json = try? JSONValue(parsing: body), let message = json["error"]?.string { return message }
        return String(decoding: body.prefix(200), as: UTF8.self)
    }
}

/// Why there is no good answer. Nothing of this is a reason to drop data.
enum ServerError: Error, Sendable, CustomStringConvertible {
    /// No answer: refused, timed out, cut off.
    case unreachable(String)
    /// An answer with a status that was not wanted.
    case refused(ServerAnswer)
    case malformed(String, String)
    /// A file of our own: the token, the state.
    case local(FileError)

    var description: String {
        switch self {
        case .unreachable(let reason): "no answer: \(reason)"
        case .refused(let answer): "status \(answer.status): \(answer.reason)"
        case .malformed(let what, let reason): "\(what) is malformed: \(reason)"
        case .local(let error): error.description
        }
    }
}

/// The agent's connection to its server.
struct ServerClient: Sendable {
    let http: HTTPClient
    let base: String
    let tokens: any TokenSource
    let now: @Sendable () -> Timestamp
    private static let largestAnswer = 8 << 20

    init(http: HTTPClient, base: String, tokens: any TokenSource, now: @escaping @Sendable () -> Timestamp) {
        self.http = http
        self.base = base
        self.tokens = tokens
        self.now = now
    }

    /// Sends a request with the token. After a 401 the token is got anew, and where it is another by now the request is
    /// sent once more. Whoever asks, all of it is done on the loop, where HTTP is: an actor with a thread of its own would
    /// be woken for each part of an answer.
    @concurrent func send(_ request: ServerRequest) async throws(ServerError) -> ServerAnswer {
        let first: String = try await tokens.token()
        let answer: ServerAnswer = try await Self.execute(request, token: first, http: http, base: base, now: now)
        guard answer.status == 401 else { return answer }
        await tokens.refused(first)
        let second: String = try await tokens.token()
        return second == first
            ? answer : try await Self.execute(request, token: second, http: http, base: base, now: now)
    }

    /// Sends a request as it is, with a token where there is one.
    ///
    /// By the client's futures: its asynchronous functions begin a task for each request, on threads of their own.
    static func execute(
        _ request: ServerRequest, token: String?, http: HTTPClient, base: String, now: @Sendable () -> Timestamp
    ) async throws(ServerError) -> ServerAnswer {
        do {
            let message: HTTPClient.Request = try message(request, token: token, base: base)
            let exchange = http.execute(
                request: message, delegate: ResponseAccumulator(request: message, maxBodySize: largestAnswer),
                deadline: .now() + .milliseconds(max(1, request.timeout.inMilliseconds)))
            let answer: HTTPClient.Response = try await withTaskCancellationHandler {
                try await exchange.futureResult.get()
            } onCancel: {
                exchange.fail(reason: CancellationError())
            }
            return ServerAnswer(
                status: Int(answer.status.code),
                retryAfter: answer.headers.first(name: "Retry-After").flatMap { RetryAfter.span($0, now: now()) },
                body: answer.body.map { Array($0.readableBytesView) } ?? [])
        } catch {
            throw .unreachable("\(error)")
        }
    }

    private static func message(
        _ request: ServerRequest, token: String?, base: String
    ) throws -> HTTPClient.Request {
        var headers = HTTPHeaders(request.headers)
        if let token { headers.add(name: "Authorization", value: "Bearer \(token)") }
        headers.add(name: "User-Agent", value: "plumb-agent/\(RuntimeVersion.current)")
        if request.body != nil, !headers.contains(name: "Content-Type") {
            headers.add(name: "Content-Type", value: "application/json")
        }
        return try HTTPClient.Request(
            url: (base.hasSuffix("/") ? String(base.dropLast()) : base) + request.path, method: request.method,
            headers: headers, body: request.body.map { .byteBuffer(ByteBuffer(bytes: $0)) })
    }
}
