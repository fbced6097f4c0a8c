import AsyncHTTPClient
import Declarations
import Exposition
import NIOCore
import NIOHTTP1
import Runtime
import Telemetry

/// Gets pages of metrics. Answers may be compressed; they are as long as the target's limit at most, after that too.
struct ScrapeClient: Sendable {
    let http: HTTPClient
    let clock: any Clock<Duration>

    struct Answer: Sendable {
        var body: [UInt8]
        var format: ExpositionFormat
    }

    /// Why there are no metrics, for people.
    struct Failure: Error, Hashable, Sendable {
        var message: String
    }

    /// The client's settings: unlike the one that talks to the server it takes compressed answers and goes where it is
    /// sent. They begin with the library's own for general use, which are the ones that take compressed answers, at
    /// most 25 times as long as what came.
    static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.redirectConfiguration = .follow(max: 3, allowCycles: false)
        configuration.timeout = .init(connect: .seconds(5))
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// The page of a target, within its time limit.
    func get(_ spec: ScrapeTargetSpec) async -> Result<Answer, Failure> {
        await withTaskGroup(of: Result<Answer, Failure>.self) { group in
            group.addTask { await fetch(spec, encoding: "gzip") }
            group.addTask {
                try? await clock.sleep(for: spec.timeout.duration)
                return .failure(Failure(message: "no answer within \(spec.timeout)"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(Failure(message: "it was not asked"))
        }
    }

    private func fetch(_ spec: ScrapeTargetSpec, encoding: String) async -> Result<Answer, Failure> {
        var request = HTTPClientRequest(url: spec.url)
        request.headers.add(
            name: "Accept",
            value: "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
        request.headers.add(name: "User-Agent", value: "plumb-agent/\(RuntimeVersion.current)")
        request.headers.add(name: "Accept-Encoding", value: encoding)
        request.headers.add(
            name: "X-Prometheus-Scrape-Timeout-Seconds", value: "\(spec.timeout.seconds)")
        do {
            let answer = try await http.execute(request, deadline: .distantFuture)
            guard answer.status == .ok else {
                return .failure(Failure(message: "status \(answer.status.code) \(answer.status.reasonPhrase)"))
            }
            let type: String? = answer.headers.first(name: "Content-Type")
            let body: ByteBuffer = try await answer.body.collect(upTo: spec.bodyLimit)
            return .success(
                Answer(body: Array(body.readableBytesView), format: ExpositionFormat(contentType: type)))
        } catch is NIOTooManyBytesError {
            return .failure(
                Failure(message: "the answer is longer than \(spec.bodyLimit) bytes, which is the target's bodyLimit"))
        } catch {
            // A page that says the same a thousand times is compressed too well for the library's limit.
            if encoding != "identity", "\(type(of: error))".contains("Decompression") {
                return await fetch(spec, encoding: "identity")
            }
            return .failure(Failure(message: Self.text(error)))
        }
    }

    private static let tooShort = "the connection was closed before the end of the answer"

    private static func text(_ error: any Error) -> String {
        // The parser has words of its own for an answer that ends too early.
        if "\(error)".contains("invalidEOFState") { return Self.tooShort }
        guard let error = error as? HTTPClientError else { return "\(error)" }
        switch error {
        case .connectTimeout: return "no connection in time"
        case .remoteConnectionClosed: return Self.tooShort
        case .redirectLimitReached, .redirectCycleDetected: return "it was sent from one address to the next for ever"
        default: return "\(error)"
        }
    }
}
