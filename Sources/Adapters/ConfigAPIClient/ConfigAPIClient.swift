import AsyncHTTPClient
package import ConfigAPI
package import Declarations
import Logging
import NIOCore
import NIOHTTP1
import Runtime
import Synchronization
package import Telemetry

/// One component's config API, over HTTP or a unix socket. Every request has a deadline; the token file is read again
/// when it changed and after a 401.
package final class ConfigAPIClient: Sendable {
    package struct Configuration: Sendable {
        /// `http://host:port`, `https://…`, or `http+unix://%2Fpath%2Fto%2Fsocket`.
        package var url: String
        /// Holds the token alone; nil where the socket's file permissions are the authorization.
        package var tokenFile: String?
        /// For one request and its answer.
        package var timeout: PromDuration
        /// Bytes of an answer.
        package var answerLimit: Int

        package init(
            url: String, tokenFile: String?, timeout: PromDuration = .seconds(10), answerLimit: Int = 64 << 20
        ) {
            self.url = url
            self.tokenFile = tokenFile
            self.timeout = timeout
            self.answerLimit = answerLimit
        }
    }

    let base: String
    let configuration: Configuration
    let tokenFile: TokenFile?
    let http: HTTPClient
    /// The last snapshot that was read, with the tag that it had.
    let lastRead = Mutex(ReadSnapshot())

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        base = configuration.url.hasSuffix("/") ? String(configuration.url.dropLast()) : configuration.url
        tokenFile = configuration.tokenFile.map { TokenFile(path: $0) }
        // A redirect would carry the token to another place. The server sends a comment every 15 s on event streams;
        // silence for three of them means that the connection is dead.
        let timeouts = HTTPClient.Configuration.Timeout(
            connect: .milliseconds(min(configuration.timeout.milliseconds, 5000)), read: .seconds(45))
        http = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(redirectConfiguration: .disallow, timeout: timeouts))
    }

    /// Closes the connections. The client answers nothing afterwards.
    package func shutdown() async { try? await http.shutdown() }

    // MARK: Config

    /// Where the store stands, without what it holds.
    package func state() async throws(ConfigAPIClientError) -> StoreState {
        try form(try await answer(.GET, "/v1/config/state"))
    }

    /// Asks for the right to enforce, or renews it.
    package func lease(_ request: LeaseRequest) async throws(ConfigAPIClientError) -> Lease {
        try form(try await answer(.POST, "/v1/config/lease", body: request.json))
    }

    /// Recorded changes of generations after `generation`, oldest first.
    package func audit(since generation: Int) async throws(ConfigAPIClientError) -> [AuditEntry] {
        let bytes = try await answer(.GET, "/v1/config/audit?since=\(generation)")
        return try list("entries", of: bytes)
    }

    // MARK: Agents

    package func agents() async throws(ConfigAPIClientError) -> [AgentView] {
        try list("agents", of: try await answer(.GET, "/v1/agents"))
    }

    /// Tells hosts to take the named resources from the server again.
    package func resync(_ request: AgentResync) async throws(ConfigAPIClientError) {
        _ = try await answer(.POST, "/v1/agents/resync", body: request.json)
    }

    // MARK: Reports and previews

    /// Stores a drift report; one with the same id is replaced.
    package func submit(report: JSONValue) async throws(ConfigAPIClientError) {
        _ = try await answer(.POST, "/api/v1/reports", body: report)
    }

    /// Says that a reconciler completed a run.
    package func note(_ status: ReconcilerStatus) async throws(ConfigAPIClientError) {
        _ = try await answer(.POST, "/api/v1/reconcilers", body: status.json)
    }

    /// Puts these plans of branches in the place of those that this source sent before.
    package func submit(previews: JSONValue) async throws(ConfigAPIClientError) {
        _ = try await answer(.POST, "/api/v1/previews", body: previews)
    }

    /// What a retention would let go.
    package func retentionPreview(dataset: String, keep: String) async throws(ConfigAPIClientError) -> JSONValue {
        let bytes = try await answer(.GET, "/api/v1/retention/preview?dataset=\(dataset)&keep=\(keep)")
        do { return try JSONValue(parsing: bytes) } catch { throw .malformed("\(error)") }
    }

    // MARK: Requests

    private func answer(
        _ method: HTTPMethod, _ path: String, body: JSONValue? = nil
    ) async throws(ConfigAPIClientError) -> [UInt8] {
        try await retried { () async throws(ConfigAPIClientError) in try await send(method, path, body: body) }
    }

    func retried<Answer>(
        _ body: () async throws(ConfigAPIClientError) -> Answer
    ) async throws(ConfigAPIClientError) -> Answer {
        do { return try await body() } catch ConfigAPIClientError.unauthorized {
            // The token may have been replaced since it was read.
            tokenFile?.invalidate()
        }
        return try await body()
    }

    private func send(
        _ method: HTTPMethod, _ path: String, body: JSONValue?
    ) async throws(ConfigAPIClientError) -> [UInt8] {
        let request: HTTPClientRequest = try request(method, path, body: body)
        let status: Int
        let bytes: [UInt8]
        do {
            let response = try await http.execute(request, timeout: .milliseconds(configuration.timeout.milliseconds))
            let buffer = try await response.body.collect(upTo: configuration.answerLimit)
            status = Int(response.status.code)
            bytes = Array(buffer.readableBytesView)
        } catch {
            throw .unreachable("\(base): \(error)")
        }
        guard (200..<300).contains(status) else { throw failure(status: status, bytes: bytes) }
        return bytes
    }

    func request(
        _ method: HTTPMethod, _ path: String, body: JSONValue? = nil
    ) throws(ConfigAPIClientError) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let tokenFile {
            do { request.headers.add(name: "Authorization", value: "Bearer \(try tokenFile.token())") } catch {
                throw .unauthorized("\(error)")
            }
        }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.canonical))
        }
        return request
    }

    func failure(status: Int, bytes: [UInt8]) -> ConfigAPIClientError {
        switch status {
        case 401, 403: return .unauthorized(message(in: bytes))
        case 409:
            if let conflict = try? ConfigConflict(parsing: bytes) { return .conflict(conflict) }
        case 422:
            if let rejection = try? ConfigRejection(parsing: bytes) { return .rejected(rejection) }
        default: break
        }
        return .failed(status: status, message: message(in: bytes))
    }

    private func message(in bytes: [UInt8]) -> String {
        if let text = (try? JSONValue(parsing: bytes))?["error"]?.string { return text }
        return String(decoding: bytes.prefix(500), as: UTF8.self)
    }

    private func form<Form: JSONCodable>(_ bytes: [UInt8]) throws(ConfigAPIClientError) -> Form {
        do { return try Form(parsing: bytes) } catch { throw .malformed("\(error)") }
    }

    private func list<Form: JSONCodable>(
        _ key: String, of bytes: [UInt8]
    ) throws(ConfigAPIClientError) -> [Form] {
        do {
            let value: JSONValue
            do { value = try JSONValue(parsing: bytes) } catch { throw JSONFormError(message: "not JSON: \(error)") }
            return try JSONObjectReader(value).list(key)
        } catch { throw .malformed("\(error)") }
    }
}

extension ConfigAPIClient {
    /// Follows the event stream and calls `onEvent` with the name of every event, until the stream or the task ends. An
    /// event only says that it is time to look: events may be lost or doubled.
    package func follow(_ onEvent: (_ name: String) async -> Void) async throws(ConfigAPIClientError) {
        let request: HTTPClientRequest = try request(.GET, "/v1/config/events")
        do {
            let response = try await http.execute(request, deadline: .distantFuture)
            guard response.status.code == 200 else {
                throw ConfigAPIClientError.failed(
                    status: Int(response.status.code), message: "no event stream at \(base)/v1/config/events")
            }
            var lines = EventLines()
            for try await buffer in response.body {
                for name in lines.events(in: buffer.readableBytesView) { await onEvent(name) }
            }
        } catch let error as ConfigAPIClientError {
            throw error
        } catch {
            throw .unreachable("\(base): \(error)")
        }
    }
}
