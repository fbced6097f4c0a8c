import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import PromQL
import Runtime
import StoreService
import Telemetry

/// Prometheus' metadata API: which series, labels and values there are. `series`, `labels`, `label/NAME/values`.
struct MetadataRoutes: RouteGroup {
    /// The labels of the series that selections pick.
    let labels: @Sendable ([Selection]) async throws -> [Labels]
    let clock: WallClock

    private enum Question {
        case series
        case labels
        case values(String)
    }

    func add(to router: Router<ServerContext>) {
        let group = router.group("/api/v1", requiring: .query)
        add("series", to: group) { _ in .series }
        add("labels", to: group) { _ in .labels }
        group.get("label/:name/values") { request, context in
            await answer(request, form: "", .values(try Self.label(context)))
        }
    }

    private func add(
        _ path: RouterPath, to group: RouterGroup<ServerContext>,
        _ question: @escaping @Sendable (ServerContext) -> Question
    ) {
        group.get(path) { request, context in await answer(request, form: "", question(context)) }
        group.post(path) { request, context in
            let form: [UInt8] = try await request.bytes(limit: PromQL.longestQuery * 4)
            return await answer(request, form: String(decoding: form, as: UTF8.self), question(context))
        }
    }

    private static func label(_ context: ServerContext) throws -> String {
        QueryParameters.percentDecoded(try context.parameters.require("name"), plusIsSpace: false)
    }

    private func answer(_ request: Request, form: String, _ question: Question) async -> Response {
        let parameters = QueryParameters(request.uri.query ?? "", form)
        do {
            let selections: [Selection] = try self.selections(parameters, question)
            var items: [JSONValue] = Self.items(try await labels(selections), question)
            if let limit = try parameters.limit(), items.count > limit { items = Array(items.prefix(limit)) }
            return .json(PrometheusJSON.success(.array(items)))
        } catch { return PrometheusJSON.response(to: error) }
    }

    /// One for each `match[]`. Without any, `series` is an error, as in Prometheus: it would be everything.
    private func selections(_ parameters: QueryParameters, _ question: Question) throws -> [Selection] {
        let end: Timestamp = try parameters.time("end") ?? clock() + Limits.acceptedFuture
        let start: Timestamp = try parameters.time("start") ?? Timestamp(milliseconds: 0)
        var lists: [[Matcher]] = []
        for text in parameters.all("match[]") {
            let expression: Expression = try PromQL.parse(text)
            guard expression.isSelector else { throw BadParameter("match[]", "\"\(text)\" is no series selector") }
            lists.append(expression.selectors[0].matchers)
        }
        if lists.isEmpty {
            if case .series = question { throw BadParameter("match[]", "no match[] parameter provided") }
            lists = [[]]
        }
        return lists.map { Selection(matchers: $0, after: start.milliseconds - 1, through: end.milliseconds) }
    }

    private static func items(_ labels: [Labels], _ question: Question) -> [JSONValue] {
        switch question {
        case .series: labels.map(\.dictionary.json)
        case .labels: Set(labels.flatMap { $0.pairs.map(\.name) }).sorted().map(JSONValue.string)
        case .values(let name): Set(labels.compactMap { $0[name] }).sorted().map(JSONValue.string)
        }
    }
}
