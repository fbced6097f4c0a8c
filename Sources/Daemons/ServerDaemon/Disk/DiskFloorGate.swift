import ConfigAPIServer
import HTTPTypes
import Hummingbird
import Runtime
import StoreService

/// Refuses what would be stored while the database's disk is nearly full: 507, to be sent again later. Reading,
/// configuration and agents' status go on.
struct DiskFloorGate: RouterMiddleware {
    let disk: DiskGuard
    let activity: HostActivity
    let metrics: MetricsRegistry

    /// Where data come in.
    static let paths: Set<String> = [
        "/api/v1/metrics", "/api/v1/logs", "/api/v1/events", "/api/v1/write", "/v1/metrics", "/v1/logs",
        "/loki/api/v1/push",
    ]

    @concurrent
    func handle(
        _ request: Request, context: ServerContext, next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, Self.paths.contains(request.uri.path), let refusal = disk.refusal else {
            return try await next(request, context)
        }
        _ = try context.requireScope(.ingest)
        // A full disk must not make hosts look down.
        if let host = try? context.requireHost() { activity.seen(host) }
        metrics.counter("plumb_ingest_refused_total", "Requests refused because the disk is nearly full.").increment()
        var problem = HTTPProblem(.insufficientStorage, refusal)
        problem.headers[.retryAfter] = "30"
        throw problem
    }
}

extension HTTPResponse.Status {
    /// Which the library does not name.
    static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
