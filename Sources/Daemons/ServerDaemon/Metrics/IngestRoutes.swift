import ConfigAPIServer
import Database
import Declarations
import FrameFormat
import HTTPTypes
import Hummingbird
import Logging
import Runtime
import StoreService
import Telemetry
import WireFormats

/// `POST /api/v1/metrics`: native ingest, JSON or the compact form of frames. The answer comes after the commit.
struct IngestRoutes: RouteGroup {
    let frames: FrameStore
    let activity: HostActivity
    let metrics: MetricsRegistry
    let clock: WallClock
    /// The digest of what a host is to run, for the header that tells its agent to look.
    let configDigest: @Sendable (_ host: String) async -> String?
    private let layouts = LayoutCatalog()
    private let stored: CounterInstrument

    init(
        frames: FrameStore, activity: HostActivity, metrics: MetricsRegistry, clock: @escaping WallClock,
        configDigest: @escaping @Sendable (_ host: String) async -> String?
    ) {
        self.frames = frames
        self.activity = activity
        self.metrics = metrics
        stored = Self.samples(metrics, "stored")
        self.clock = clock
        self.configDigest = configDigest
    }

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/metrics", requiring: .ingest)
            .post { request, context in try await ingest(request, context) }
    }

    private func ingest(_ request: Request, _ context: ServerContext) async throws -> Response {
        let credential: String = try context.requireHost()
        let body: [UInt8] = try await request.plainBytes()
        let now: Timestamp = clock()
        var decoded: DecodedMetrics
        do { decoded = try decode(body, request, now: now) } catch {
            count("malformed", 1)
            throw HTTPProblem(.badRequest, "body: \(error)")
        }
        let host: String = try context.requireHost(decoded.host)
        assert(host == credential)
        // Before anything is stored: a database that refuses rows must not make hosts look down.
        activity.seen(host)
        let outcome: FrameOutcome = try await frames.store(decoded.writes)
        layouts.keep(decoded.kept)
        for source in outcome.restless { report(restless: source, context) }
        for one in outcome.refused { decoded.refuse(one.series, of: one.batch, samples: one.samples) }
        var counts: IngestCounts = outcome.counts
        counts.rejected = decoded.rejectedSamples
        record(counts, decoded, now: now)
        return try await answer(counts, decoded, host: host, now: now)
    }

    private func decode(_ body: [UInt8], _ request: Request, now: Timestamp) throws(WireFormatError) -> DecodedMetrics {
        // A type may have parameters behind it.
        guard request.headers[.contentType]?.hasPrefix(FrameFormat.contentType) == true else {
            return try NativeDecoder.metrics(body, now: now)
        }
        return try FrameDecoder.metrics(body, layouts: layouts, sha256: Digests.sha256, now: now)
    }

    private func answer(
        _ counts: IngestCounts, _ decoded: DecodedMetrics, host: String, now: Timestamp
    ) async throws -> Response {
        var headers: HTTPFields = [:]
        if let digest = await configDigest(host) { headers[.plumbConfig] = digest }
        let isWhole: Bool = decoded.unknownLayouts.isEmpty && decoded.unknownReferences.isEmpty
        // Nearly always there is nothing to explain.
        if isWhole, decoded.rejectedSamples == 0 {
            return .json(.accepted, bytes: Array(plain(counts).utf8), headers: headers)
        }
        var body: JSONValue = [
            "stored": .integer(counts.stored), "duplicates": .integer(counts.duplicates),
            "replaced": .integer(counts.replaced), "rejected": .integer(counts.rejected),
            "errors": .array(decoded.rejects.map(\.json)), "serverTime": .time(clock()),
        ]
        guard isWhole else {
            // Not a success, so that a sender that does not read on keeps what was left out.
            body = merged(
                body,
                [
                    "error":
                        "define these layouts, write whole the batches that name these references, and send the request again",
                    "unknownLayouts": .array(decoded.unknownLayouts.map { .string("\($0)") }),
                    "unknownReferences": .array(
                        decoded.unknownReferences.map { .string(String($0, radix: 16)) }),
                ])
            throw HTTPProblem(.conflict, body: body)
        }
        // Nothing of the request could be stored: 400, so that a client does not take it for delivered.
        let isPoison: Bool = counts.stored + counts.duplicates + counts.replaced == 0 && decoded.rejectedSamples > 0
        guard !isPoison else {
            throw HTTPProblem(.badRequest, body: merged(body, ["error": "every sample was refused"]))
        }
        return .json(.accepted, body, headers: headers)
    }

    /// The answer where everything was taken, as ``JSONValue`` would write it.
    private func plain(_ counts: IngestCounts) -> String {
        """
        {"duplicates":\(counts.duplicates),"errors":[],"rejected":0,"replaced":\(counts.replaced),\
        "serverTime":"\(clock().rfc3339)","stored":\(counts.stored)}
        """
    }

    private func merged(_ body: JSONValue, _ more: [String: JSONValue]) -> JSONValue {
        .object((body.object ?? [:]).merging(more) { _, new in new })
    }

    /// Its queries read more rows from now on, and its labels are probably not what its owner thinks.
    private func report(restless source: Source, _ context: ServerContext) {
        metrics.counter(
            "plumb_ingest_restless_sources_total",
            "Times that a source's lists of series changed so often that each series was stored by itself for an hour."
        ).increment()
        context.logger.warning(
            "a source changes its series all the time; each is stored by itself for an hour",
            metadata: .of([.reason: "\(source)"]))
    }

    private func record(_ counts: IngestCounts, _ decoded: DecodedMetrics, now: Timestamp) {
        for (reason, samples) in decoded.rejectedByReason {
            metrics.counter(
                "plumb_ingest_rejected_samples_total", "Samples refused, by why.", labels: ["reason": reason.rawValue]
            ).increment(by: Double(samples))
        }
        stored.increment(by: Double(counts.stored))
        count("duplicate", counts.duplicates)
        count("replaced", counts.replaced)
        count("rejected", counts.rejected)
    }

    private func count(_ result: String, _ amount: Int) {
        guard amount > 0 else { return }
        Self.samples(metrics, result).increment(by: Double(amount))
    }

    private static func samples(_ metrics: MetricsRegistry, _ result: String) -> CounterInstrument {
        metrics.counter(
            "plumb_ingest_samples_total", "Samples received, by what became of them.", labels: ["result": result])
    }
}
