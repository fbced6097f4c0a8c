import AsyncHTTPClient
import Crypto
import Declarations
import NIOCore
import NIOHTTP1
import Telemetry

/// Posts one notification to one receiver.
struct WebhookSender: Sendable {
    let client: HTTPClient

    /// Follows no redirect: a followed POST would become a GET without a body, or carry the body to somebody else.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // Notifiers of one host must not wait for each other's connections: a claim holds 32 items.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 128
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Of one attempt, from connecting to the answer's status.
    var timeout: TimeAmount = .seconds(5)

    enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// Worth another try; `retryAfter` is what the receiver asked for.
        case temporary(String, retryAfter: PromDuration?)
        /// The same request would be refused again.
        case permanent(String)

        var description: String {
            switch self {
            case .temporary(let message, _), .permanent(let message): message
            }
        }
    }

    /// Sends `body` as JSON with the headers `Plumb-Delivery` (the same for all attempts) and, with a key,
    /// `Plumb-Signature: sha256=…`, the HMAC-SHA256 of the body in hex.
    func send(_ body: [UInt8], dedupeKey: String, to url: String, signingKey: [UInt8]?) async throws(Failure) {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "plumb-server")
        request.headers.add(name: "Plumb-Delivery", value: dedupeKey)
        if let signingKey {
            request.headers.add(name: "Plumb-Signature", value: Self.signature(of: body, key: signingKey))
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response: HTTPClientResponse
        do { response = try await client.execute(request, timeout: timeout) } catch {
            throw .temporary("no answer: \(error)", retryAfter: nil)
        }
        let status: UInt = response.status.code
        switch status {
        case 200..<300: return
        case 408, 425, 429, 500...:
            let asked: PromDuration? = response.headers.first(name: "Retry-After").flatMap(Int64.init).map {
                .seconds(min(max($0, 0), 3600))
            }
            throw .temporary("answered \(status)", retryAfter: asked)
        default: throw .permanent("answered \(status)")
        }
    }

    static func signature(of body: [UInt8], key: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: key))
        return "sha256=" + hexadecimal(Array(code))
    }
}
