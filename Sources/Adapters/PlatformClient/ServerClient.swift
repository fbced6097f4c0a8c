import AsyncHTTPClient
package import Declarations
import NIOCore
import NIOHTTP1
package import Runtime

/// Speaks to a server's HTTP API with the token of a file.
package struct ServerClient: Sendable {
    package let baseURL: String
    private let token: TokenFile?
    private let http: HTTPClient = .shared
    private let timeout: TimeAmount

    /// What an answer may weigh at most: `plumb` is no way to download a database.
    private static let answerLimit = 64 << 20

    package init(baseURL: String, token: TokenFile?, timeoutSeconds: Int64 = 30) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.token = token
        self.timeout = .seconds(timeoutSeconds)
    }

    package enum Method: Sendable { case get, post }

    package struct Answer: Sendable {
        package var status: Int
        package var body: [UInt8]
        package var isSuccess: Bool { (200..<300).contains(status) }
        /// Nil where it is not JSON.
        package var json: JSONValue? { try? JSONValue(parsing: body) }
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The JSON of a successful answer; an error that says what the server said of any other.
    package func json(
        _ method: Method = .get, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil
    ) async throws -> JSONValue {
        let answer: Answer = try await send(method, path, query: query, body: body)
        guard answer.isSuccess else { throw failure(answer, path) }
        do { return try JSONValue(parsing: answer.body) } catch {
            throw PlatformClientError("\(baseURL)\(path) answered something that is not JSON: \(error)")
        }
    }

    /// Sends one request. A refused token is read again once: it may have been renewed meanwhile.
    package func send(
        _ method: Method, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil
    ) async throws -> Answer {
        let answer: Answer = try await sendOnce(method, path, query: query, body: body)
        guard answer.status == 401, let token else { return answer }
        token.invalidate()
        return try await sendOnce(method, path, query: query, body: body)
    }

    private func sendOnce(
        _ method: Method, _ path: String, query: [(String, String)], body: JSONValue?
    ) async throws -> Answer {
        let pairs: [String] = query.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }
        var request = HTTPClientRequest(
            url: baseURL + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")))
        request.method = method == .get ? .GET : .POST
        request.headers.add(name: "User-Agent", value: "plumb/\(RuntimeVersion.current)")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(try token.token())") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.canonical))
        }
        do {
            let response: HTTPClientResponse = try await http.execute(request, timeout: timeout)
            let content: ByteBuffer = try await response.body.collect(upTo: Self.answerLimit)
            return Answer(status: Int(response.status.code), body: Array(content.readableBytesView))
        } catch {
            throw PlatformClientError("cannot reach \(baseURL): \(error). Does it run? (plumb status)")
        }
    }

    package func failure(_ answer: Answer, _ path: String) -> PlatformClientError {
        let said: String? = (try? JSONValue(parsing: answer.body))?["error"]?.string
        let detail: String = said ?? String(answer.text.prefix(300)).trimmed
        switch answer.status {
        case 401: return PlatformClientError("the server does not accept the token: \(detail)")
        case 403: return PlatformClientError("the token does not allow this: \(detail)")
        default: return PlatformClientError("\(path) answered \(answer.status): \(detail)")
        }
    }
}

/// `text` for a URL: everything but unreserved characters as %XX.
package func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let hex: String = String(byte, radix: 16, uppercase: true)
            encoded += byte < 16 ? "%0\(hex)" : "%\(hex)"
        }
    }
    return encoded
}
