import ConfigAPIServer
package import Database
import Declarations
package import Hummingbird
import Pipelines
package import Runtime
import Telemetry

/// The gateway for events: `POST` of a list, item by item, idempotent by source and id.
///
/// Answers 202 with `{"stored", "duplicates", "rejected": [{"index", "reason"}]}`. With scope `events` any source and
/// host; with scope `ingest` the credential's host alone.
package struct EventIngestRoutes: RouteGroup {
    private let path: RouterPath
    private let store: EventStore
    private let metrics: MetricsRegistry
    private let clock: WallClock

    package init(path: RouterPath, store: EventStore, metrics: MetricsRegistry, clock: @escaping WallClock) {
        self.path = path
        self.store = store
        self.metrics = metrics
        self.clock = clock
    }

    package func add(to router: Router<ServerContext>) {
        router.post(path) { request, context in try await ingest(request, context) }
    }

    private func ingest(_ request: Request, _ context: ServerContext) async throws -> Response {
        let host: String? = try writer(context)
        let body: JSONValue = try await request.json()
        let wanted: EventRequest
        do { wanted = try EventRequest(body, host: host, now: clock()) } catch {
            throw HTTPProblem(.badRequest, "body: \(error)")
        }
        let stored: Int
        do { stored = try await store.store(wanted.accepted) } catch {
            throw HTTPProblem(.serviceUnavailable, "events cannot be stored now; send them again: \(error.message)")
        }
        count(stored, "stored")
        count(wanted.accepted.count - stored, "duplicate")
        count(wanted.rejected.count, "rejected")
        return .json(
            .accepted,
            [
                "stored": .integer(stored), "duplicates": .integer(wanted.accepted.count - stored),
                "rejected": .array(
                    wanted.rejected.map { ["index": .integer($0.index), "reason": .string($0.reason)] }),
            ])
    }

    /// The only host that the credential may write for; nil: any.
    private func writer(_ context: ServerContext) throws(HTTPProblem) -> String? {
        guard let identity = context.identity else { throw .unauthenticated }
        if identity.allows(.events) { return nil }
        return try context.requireHost()
    }

    private func count(_ number: Int, _ result: String) {
        metrics.counter("plumb_events_received_total", "Events sent to the gateway.", labels: ["result": result])
            .increment(by: Double(number))
    }
}
