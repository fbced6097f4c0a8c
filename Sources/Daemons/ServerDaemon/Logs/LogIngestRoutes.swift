import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import Runtime
import StoreService
import Telemetry
import WireFormats

/// `POST /api/v1/logs`: lines of files from agents, and of simple clients. The answer comes after the commit.
struct LogIngestRoutes: RouteGroup {
    let logs: LogStore
    let activity: HostActivity
    let metrics: MetricsRegistry
    let clock: WallClock
    /// The digest of what a host is to run, for the header that tells its agent to look.
    let configDigest: @Sendable (_ host: String) async -> String?

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/logs", requiring: .ingest)
            .post { request, context in try await ingest(request, context) }
    }

    private func ingest(_ request: Request, _ context: ServerContext) async throws -> Response {
        let credential: String = try context.requireHost()
        let body: [UInt8] = try await request.bytes()
        let now: Timestamp = clock()
        let decoded: LogRequest
        do { decoded = try LogRequest(parsing: body, now: now) } catch {
            count("malformed", 1)
            throw HTTPProblem(.badRequest, "body: \(error)")
        }
        let host: String = try context.requireHost(decoded.host ?? credential)
        // Before anything is stored: a database that refuses rows must not make hosts look down.
        activity.seen(host)
        let batch = LogStore.Batch(
            host: host, streams: decoded.streams,
            entries: decoded.entries.map { LogStore.Entry(origin: $0.origin, line: $0.line) }, key: decoded.key,
            // Another form than an agent sends is no ledger, and would fill the table.
            ledger: request.headers[.plumbLedger].flatMap { $0.utf8.count == 32 ? $0 : nil })
        let outcome: LogStore.Outcome = try await store(batch)
        count("stored", outcome.stored)
        count("duplicate", outcome.duplicates)
        count("rejected", decoded.rejectedLines)
        return try await answer(outcome, decoded, host: host)
    }

    private func store(_ batch: LogStore.Batch) async throws -> LogStore.Outcome {
        do { return try await logs.store(batch) } catch {
            guard error.isTransient, !error.isDiskFull else { throw error }
            var problem = HTTPProblem(.serviceUnavailable, "the database cannot take lines now: send them again")
            problem.headers[.retryAfter] = "2"
            throw problem
        }
    }

    private func answer(_ outcome: LogStore.Outcome, _ decoded: LogRequest, host: String) async throws -> Response {
        var body: [String: JSONValue] = [
            "stored": .integer(outcome.stored), "duplicates": .integer(outcome.duplicates),
            "rejected": .integer(decoded.rejectedLines), "errors": .array(decoded.rejects.map(\.json)),
            "positions": .object(outcome.positions.mapValues { .integer($0) }), "serverTime": .time(clock()),
        ]
        // Nothing of the request could be stored: 400, so that a client does not take it for delivered. Lines of a file
        // are different: their place is behind us, and the answer says so.
        if decoded.streams.isEmpty, decoded.entries.isEmpty, decoded.rejectedLines > 0 {
            body["error"] = "every line was refused"
            throw HTTPProblem(.badRequest, body: .object(body))
        }
        var headers: HTTPFields = [:]
        if let digest = await configDigest(host) { headers[.plumbConfig] = digest }
        return .json(.accepted, .object(body), headers: headers)
    }

    private func count(_ result: String, _ amount: Int) {
        guard amount > 0 else { return }
        metrics.counter(
            "plumb_ingest_log_lines_total", "Log lines received, by what became of them.", labels: ["result": result]
        )
        .increment(by: Double(amount))
    }
}
