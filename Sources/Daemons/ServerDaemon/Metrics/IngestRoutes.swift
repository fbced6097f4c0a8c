import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import Runtime
import StoreService
import Telemetry
import WireFormats

/// `POST /api/v1/metrics`: native ingest. The answer comes after the commit.
struct IngestRoutes: RouteGroup {
    let frames: FrameStore
    let activity: HostActivity
    let metrics: MetricsRegistry
    let clock: WallClock
    /// The digest of what a host is to run, for the header that tells its agent to look.
    let configDigest: @Sendable (_ host: String) async -> String?

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/metrics", requiring: .ingest)
            .post { request, context in try await ingest(request, context) }
    }

    private func ingest(_ request: Request, _ context: ServerContext) async throws -> Response {
        let credential: String = try context.requireHost()
        let body: [UInt8] = try await request.bytes()
        let now: Timestamp = clock()
        let decoded: DecodedMetrics
        do { decoded = try NativeDecoder.metrics(body, now: now) } catch {
            count("malformed", 1)
            throw HTTPProblem(.badRequest, "body: \(error)")
        }
        let host: String = try context.requireHost(decoded.host)
        assert(host == credential)
        // Before anything is stored: a database that refuses rows must not make hosts look down.
        activity.seen(host)
        var counts: IngestCounts = try await frames.store(decoded.batches)
        counts.rejected += decoded.rejectedSamples
        record(counts)
        return try await answer(counts, decoded, host: host, now: now)
    }

    private func answer(
        _ counts: IngestCounts, _ decoded: DecodedMetrics, host: String, now: Timestamp
    ) async throws -> Response {
        let body: JSONValue = [
            "stored": .integer(counts.stored), "duplicates": .integer(counts.duplicates),
            "replaced": .integer(counts.replaced), "rejected": .integer(counts.rejected),
            "errors": .array(decoded.rejects.map(\.json)), "serverTime": .time(clock()),
        ]
        var headers: HTTPFields = [:]
        if let digest = await configDigest(host) { headers[.plumbConfig] = digest }
        // Nothing of the request could be stored: 400, so that a client does not take it for delivered.
        let isPoison: Bool = decoded.batches.isEmpty && decoded.rejectedSamples > 0
        guard !isPoison else {
            throw HTTPProblem(.badRequest, body: merged(body, ["error": "every sample was refused"]))
        }
        return .json(.accepted, body, headers: headers)
    }

    private func merged(_ body: JSONValue, _ more: [String: JSONValue]) -> JSONValue {
        .object((body.object ?? [:]).merging(more) { _, new in new })
    }

    private func record(_ counts: IngestCounts) {
        count("stored", counts.stored)
        count("duplicate", counts.duplicates)
        count("replaced", counts.replaced)
        count("rejected", counts.rejected)
    }

    private func count(_ result: String, _ amount: Int) {
        guard amount > 0 else { return }
        metrics.counter(
            "plumb_ingest_samples_total", "Samples received, by what became of them.", labels: ["result": result]
        )
        .increment(by: Double(amount))
    }
}
