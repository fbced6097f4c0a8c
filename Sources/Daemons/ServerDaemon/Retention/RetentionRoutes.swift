import ConfigAPIServer
import Database
import Declarations
import Hummingbird
import Runtime
import StoreService
import Telemetry

/// What retention is in force, and what a change of it would cost.
///
/// `GET /api/v1/retention` and `GET /api/v1/retention/preview?dataset=metrics&keep=7d`.
struct RetentionRoutes: RouteGroup {
    let datasets: [RetainedDataset]
    let policy: RetentionPolicy
    let clock: WallClock

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/retention", requiring: .configRead)
            .get { _, _ in Response.json(try await present()) }
            .get("preview") { request, _ in Response.json(try await preview(request)) }
    }

    private func present() async throws -> JSONValue {
        var items: [JSONValue] = []
        for dataset in datasets { items.append(try await present(dataset)) }
        return ["datasets": .array(items)]
    }

    private func present(_ dataset: RetainedDataset) async throws -> JSONValue {
        let effective: EffectiveRetention = try await policy.effective(dataset.name)
        let partitions: [TimePartition] = try await dataset.partitions.all()
        return [
            "dataset": .string(dataset.name.rawValue), "keep": effective.keep.map { .string($0.description) } ?? .null,
            "pending": effective.pending.map {
                ["keep": .string($0.keep.description), "at": .time($0.at)]
            } ?? .null,
            "oldest": partitions.map(\.from).min().map(JSONValue.time) ?? .null,
            "bytes": .integer(partitions.reduce(0) { $0 + $1.bytes }),
            "partitions": .array(partitions.map(\.json)),
        ]
    }

    private func preview(_ request: Request) async throws -> JSONValue {
        let name: String = request.uri.queryParameters["dataset"].map(String.init) ?? "metrics"
        guard let dataset = datasets.first(where: { $0.name.rawValue == name }) else {
            let known: String = datasets.map { "\"\($0.name.rawValue)\"" }.joined(separator: ", ")
            throw HTTPProblem(.badRequest, "dataset: expected one of \(known), got \"\(name)\"")
        }
        let text: String = request.uri.queryParameters["keep"].map(String.init) ?? ""
        guard let keep = PromDuration(text), keep > .zero else {
            throw HTTPProblem(.badRequest, "keep: expected a duration such as 30d, got \"\(text)\"")
        }
        let edge: Timestamp = clock() - keep
        let partitions: [TimePartition] = try await dataset.partitions.all()
        let going: [TimePartition] = partitions.filter { $0.to <= edge }
        return [
            "dataset": .string(name), "keep": .string(keep.description), "partitions": .array(going.map(\.json)),
            "bytes": .integer(going.reduce(0) { $0 + $1.bytes }), "rows": .integer(going.reduce(0) { $0 + $1.rows }),
            "oldest": partitions.map(\.from).min().map(JSONValue.time) ?? .null,
        ]
    }
}

extension TimePartition {
    var json: JSONValue {
        [
            "name": .string(name), "from": .time(from), "to": .time(to), "bytes": .integer(bytes),
            "rows": .integer(rows),
        ]
    }
}
