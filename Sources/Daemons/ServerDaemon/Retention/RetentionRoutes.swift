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
        let held: [HeldPartition] = try await dataset.held()
        var rollups: [String: JSONValue] = [:]
        for part in dataset.tables.map(\.part) {
            guard case .rollup(let width) = part else { continue }
            rollups[width.rawValue] =
                try await policy.effective(dataset.name, part).keep.map { .string("\($0)") } ?? .null
        }
        return .object(compacting: [
            "dataset": .string(dataset.name.rawValue), "keep": effective.keep.map { .string($0.description) } ?? .null,
            "pending": effective.pending.map {
                ["keep": .string($0.keep.description), "at": .time($0.at)]
            } ?? .null,
            "rollups": rollups.isEmpty ? nil : .object(rollups),
            "maxSize": await policy.maxSize(dataset.name).map(JSONValue.integer) ?? .null,
            "minFreeDisk": await policy.minFreeDisk(dataset.name).map(JSONValue.integer) ?? .null,
            "oldest": held.map(\.partition.from).min().map(JSONValue.time) ?? .null,
            "bytes": .integer(held.reduce(0) { $0 + $1.partition.bytes }),
            "partitions": .array(held.map(\.partition.json)),
        ])
    }

    private func preview(_ request: Request) async throws -> JSONValue {
        let name: String = request.uri.queryParameters["dataset"].map(String.init) ?? "metrics"
        guard let dataset = datasets.first(where: { $0.name.rawValue == name }) else {
            let known: String = datasets.map { "\"\($0.name.rawValue)\"" }.joined(separator: ", ")
            throw HTTPProblem(.badRequest, "dataset: expected one of \(known), got \"\(name)\"")
        }
        let keep: PromDuration? = try parameter("keep", of: request, "a duration such as 30d") {
            PromDuration($0).flatMap { $0 > .zero ? $0 : nil }
        }
        let maxSize: Int? = try parameter("maxSize", of: request, "a number of bytes") { Int($0) }
        guard keep ?? maxSize.map({ _ in .zero }) != nil else {
            throw HTTPProblem(.badRequest, "keep: expected a duration such as 30d, got \"\"")
        }
        // Rollups may be kept for longer; what is asked is about what was sent.
        let held: [HeldPartition] = try await dataset.held().filter { $0.part == .raw }
        var going: [HeldPartition] = RetentionChoice.outlived(held, at: clock()) { _ in keep }
        if let maxSize {
            let rest: [HeldPartition] = held.filter { !going.contains($0) }
            going += RetentionChoice.beyond(maxSize, rest, at: clock())
        }
        return .object(compacting: [
            "dataset": .string(name), "keep": keep.map { .string($0.description) },
            "maxSize": maxSize.map(JSONValue.integer), "partitions": .array(going.map(\.partition.json)),
            "bytes": .integer(going.reduce(0) { $0 + $1.partition.bytes }),
            "rows": .integer(going.reduce(0) { $0 + $1.partition.rows }),
            "oldest": held.map(\.partition.from).min().map(JSONValue.time) ?? .null,
        ])
    }

    private func parameter<Value>(
        _ name: String, of request: Request, _ expectation: String, _ read: (String) -> Value?
    ) throws -> Value? {
        guard let text = request.uri.queryParameters[Substring(name)].map(String.init) else { return nil }
        guard let value = read(text) else {
            throw HTTPProblem(.badRequest, "\(name): expected \(expectation), got \"\(text)\"")
        }
        return value
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
