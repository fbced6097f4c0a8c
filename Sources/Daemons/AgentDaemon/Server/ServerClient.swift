import AsyncHTTPClient
import Declarations
import NIOCore
import NIOHTTP1
import Runtime

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
    /// The span of `Retry-After`, where it is one in seconds.
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
    let token: TokenFile
    private static let largestAnswer = 8 << 20

    init(http: HTTPClient, base: String, token: TokenFile) {
        self.http = http
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        self.token = token
    }

    /// Sends a request with the token. A 401 makes the token file be read again, and where it holds another token by
    /// now the request is sent once more.
    func send(_ request: ServerRequest) async throws(ServerError) -> ServerAnswer {
        let first: String = try currentToken()
        let answer: ServerAnswer = try await send(request, token: first)
        guard answer.status == 401 else { return answer }
        token.invalidate()
        let second: String = try currentToken()
        return second == first ? answer : try await send(request, token: second)
    }

    private func currentToken() throws(ServerError) -> String {
        do { return try token.token() } catch { throw .local(error) }
    }

    private func send(_ request: ServerRequest, token: String) async throws(ServerError) -> ServerAnswer {
        var message = HTTPClientRequest(url: base + request.path)
        message.method = request.method
        message.headers.add(name: "Authorization", value: "Bearer \(token)")
        message.headers.add(name: "User-Agent", value: "plumb-agent/\(RuntimeVersion.current)")
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        if let body = request.body {
            message.headers.add(name: "Content-Type", value: "application/json")
            message.body = .bytes(body)
        }
        do {
            let answer = try await http.execute(
                message, timeout: .milliseconds(max(1, request.timeout.inMilliseconds)))
            let body = try await answer.body.collect(upTo: Self.largestAnswer)
            let seconds: Int64? = answer.headers.first(name: "Retry-After").flatMap { Int64($0) }
            return ServerAnswer(
                status: Int(answer.status.code), retryAfter: seconds.map { .seconds(min(max(0, $0), 86_400)) },
                body: Array(body.readableBytesView))
        } catch {
            throw .unreachable("\(error)")
        }
    }
}
