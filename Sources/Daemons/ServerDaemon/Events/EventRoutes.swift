import ConfigAPIServer
import Database
import Declarations
import Hummingbird
import Pipelines
import Runtime
import StoreService
import Telemetry

/// `GET /api/v1/events`, newest first in stable pages, and `GET /api/v1/events/counts`, per interval.
struct EventRoutes: RouteGroup {
    let store: EventStore
    let clock: WallClock

    /// Without `from` and `to` the last week, and what is a little ahead.
    private static let defaultSpan = PromDuration.days(7)
    private static let mostEvents = 1000
    private static let mostBuckets: Int64 = 5000

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/events", requiring: .query)
            .get { request, _ in try await events(QueryParameters(request.uri.query ?? "")) }
            .get("counts") { request, _ in try await counts(QueryParameters(request.uri.query ?? "")) }
    }

    private func events(_ parameters: QueryParameters) async throws -> Response {
        let query: EventQuery
        let limit: Int
        var place: EventQuery.Place?
        do throws(BadParameter) {
            query = try self.query(parameters)
            limit = min(try parameters.limit() ?? 100, Self.mostEvents)
            if let cursor = parameters["cursor"] { place = try EventQuery.Place(cursor: cursor) }
        } catch { throw HTTPProblem(.badRequest, error.description) }
        let events: [StoredEvent] = try await store.events(query, before: place, limit: limit)
        var next: JSONValue = .null
        if events.count == limit, let last = events.last {
            next = .string(EventQuery.Place(time: last.event.time, id: last.id).cursor)
        }
        return .json(["events": .array(events.map(\.json)), "next": next])
    }

    private func counts(_ parameters: QueryParameters) async throws -> Response {
        let query: EventQuery
        let dimension: EventQuery.Dimension
        let bucket: PromDuration
        do throws(BadParameter) {
            query = try self.query(parameters)
            dimension = try self.dimension(parameters)
            bucket = try self.bucket(parameters, query)
        } catch { throw HTTPProblem(.badRequest, error.description) }
        let counts: [EventCount] = try await store.counts(query, by: dimension, bucket: bucket)
        let items: [JSONValue] = counts.map { count in
            ["start": .time(count.start), "key": .string(count.key), "count": .integer(count.count)]
        }
        return .json([
            "by": .string(dimension.rawValue), "bucket": .string(bucket.description), "counts": .array(items),
        ])
    }

    private func dimension(_ parameters: QueryParameters) throws(BadParameter) -> EventQuery.Dimension {
        guard let dimension = EventQuery.Dimension(rawValue: parameters["by"] ?? "source") else {
            let words: String = EventQuery.Dimension.allCases.map(\.rawValue).joined(separator: ", ")
            throw BadParameter("by", "expected one of \(words)")
        }
        return dimension
    }

    private func bucket(_ parameters: QueryParameters, _ query: EventQuery) throws(BadParameter) -> PromDuration {
        let bucket: PromDuration = try parameters.duration("bucket") ?? .days(1)
        guard bucket >= .minutes(1) else { throw BadParameter("bucket", "is at least 1m, got \(bucket)") }
        guard (query.to - query.from).milliseconds / bucket.milliseconds <= Self.mostBuckets else {
            throw BadParameter("bucket", "gives more than \(Self.mostBuckets) intervals; choose a longer one")
        }
        return bucket
    }

    private func query(_ parameters: QueryParameters) throws(BadParameter) -> EventQuery {
        let to: Timestamp = try parameters.time("to") ?? clock() + .days(1)
        let from: Timestamp = try parameters.time("from") ?? to - Self.defaultSpan
        guard from < to else { throw BadParameter("from", "must be before to") }
        return EventQuery(
            from: from, to: to, source: parameters["source"], type: parameters["type"], host: parameters["host"])
    }
}

extension EventQuery.Place {
    /// Opaque to clients: `<microseconds>.<id>`, both in base 36.
    var cursor: String { "\(String(time.microseconds, radix: 36)).\(String(id, radix: 36))" }

    init(cursor: String) throws(BadParameter) {
        let parts: [Substring] = cursor.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int64(parts[0], radix: 36), let id = Int(parts[1], radix: 36), id >= 0 else {
            throw BadParameter("cursor", "\"\(cursor.prefix(40))\" is none that this server gave")
        }
        self.init(time: Timestamp(microseconds: time), id: id)
    }
}
