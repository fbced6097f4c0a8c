import ConfigAPIServer
import Database
import Declarations
import Hummingbird
import StoreService
import Telemetry

/// `GET /api/v1/logs?host&source&path&level&text&labels&from&to&direction&limit&cursor`: search, the newest first.
struct LogSearchRoutes: RouteGroup {
    let logs: LogStore

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/logs", requiring: .query).get { request, _ in
            do { return Response.json(try await answer(QueryParameters(request.uri.query ?? ""))) } catch let error
                as BadParameter
            {
                throw HTTPProblem(.badRequest, error.description)
            }
        }
    }

    private func answer(_ parameters: QueryParameters) async throws -> JSONValue {
        let query: LogQuery = try LogSearch.query(parameters)
        let found: (lines: [StoredLogLine], hasMore: Bool) = try await LogSearch.found(query, logs)
        let next: String? = found.hasMore ? found.lines.last.map { LogCursor.text(of: $0.place, query) } : nil
        return ["lines": .array(found.lines.map(\.json)), "next": next.map(JSONValue.string) ?? .null]
    }
}

/// A search as its parameters say it; the route and the page share it.
enum LogSearch {
    static let usualLimit = 100
    static let mostLines = 5000

    static func query(_ parameters: QueryParameters) throws -> LogQuery {
        var query = LogQuery()
        query.host = try text("host", parameters)
        query.source = try text("source", parameters)
        query.path = try text("path", parameters)
        query.text = try text("text", parameters)
        query.from = try parameters.time("from")
        query.to = try parameters.time("to")
        if let word = parameters["level"] {
            guard let level = LogLevel(alias: word) else {
                throw BadParameter("level", "expected debug, info, warn or error, got \"\(word)\"")
            }
            query.level = level
        }
        if let word = parameters["direction"] {
            guard let direction = LogQuery.Direction(rawValue: word) else {
                throw BadParameter("direction", "expected backward or forward, got \"\(word)\"")
            }
            query.direction = direction
        }
        query.labels = try labels(parameters)
        query.limit = try limit(parameters)
        if let from = query.from, let to = query.to, from >= to {
            throw BadParameter("from", "\(from) is not before \(to)")
        }
        if let cursor = parameters["cursor"] {
            guard let place = LogCursor.place(cursor, query) else {
                throw BadParameter("cursor", "it is not one that this search gave; leave it out to begin anew")
            }
            query.after = place
        }
        return query
    }

    /// The lines; a search that takes too long is the caller's to narrow.
    static func found(_ query: LogQuery, _ logs: LogStore) async throws -> (lines: [StoredLogLine], hasMore: Bool) {
        do { return try await logs.search(query) } catch {
            guard error.isStatementTimeout else { throw error }
            throw HTTPProblem(
                .badRequest, "the search took too long: narrow it with from and to, with host, or with a longer text")
        }
    }

    private static func text(_ name: String, _ parameters: QueryParameters) throws -> String? {
        guard let text = parameters[name] else { return nil }
        guard !text.utf8.contains(0) else { throw BadParameter(name, "it contains a NUL character") }
        guard text.utf8.count <= 4096 else { throw BadParameter(name, "it is longer than 4096 bytes") }
        return text
    }

    private static func limit(_ parameters: QueryParameters) throws -> Int {
        guard let text = parameters["limit"] else { return usualLimit }
        guard let limit = Int(text), (1...mostLines).contains(limit) else {
            throw BadParameter("limit", "expected 1 to \(mostLines), got \"\(text)\"")
        }
        return limit
    }

    /// `labels=job=system,tier=web`: equality of each.
    private static func labels(_ parameters: QueryParameters) throws -> [String: String] {
        guard let text = try text("labels", parameters) else { return [:] }
        var labels: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let parts: [Substring] = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw BadParameter("labels", "expected name=value,…, got \"\(text)\"") }
            labels[String(parts[0])] = String(parts[1])
        }
        return labels
    }
}

extension StoredLogLine {
    var json: JSONValue {
        .object(compacting: [
            "id": .string("\(place.id)"), "time": .time(line.time), "receivedAt": .time(receivedAt),
            "host": .string(host), "source": .string(origin.source),
            "path": origin.path.isEmpty ? nil : .string(origin.path), "level": .string(line.level.rawValue),
            "message": .string(line.message), "labels": origin.labels.isEmpty ? nil : origin.labels.dictionary.json,
            "fields": line.fields == LogLine.noFields ? nil : try? JSONValue(parsing: line.fields),
        ])
    }
}
