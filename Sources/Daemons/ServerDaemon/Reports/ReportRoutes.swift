import ConfigAPIServer
package import Database
import Declarations
import HTTPTypes
package import Hummingbird
package import StoreService
import Telemetry

/// The drift reports of gitops-sync: kept by id, so that sending one again is the same as once.
package struct ReportRoutes: RouteGroup {
    static let defaultCount = 20
    static let mostCount = 200
    /// Bytes of a report: ten thousand changes.
    static let reportLimit = 16 << 20

    private let store: ReportStore

    package init(store: ReportStore) { self.store = store }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1/reports", requiring: .config).post { request, _ in try await save(request) }
        router.group("/api/v1/reports", requiring: .query)
            .get { request, _ in try await list(request) }
            .get(":id") { _, context in try await report(context) }
    }

    private func save(_ request: Request) async throws -> Response {
        let json: JSONValue = try await request.json(limit: Self.reportLimit)
        let report: StoredReport
        do { report = try StoredReport(json: json) } catch {
            throw HTTPProblem(.unprocessableContent, "report: \(error)")
        }
        try await store.save(report)
        return .json(["id": .string(report.id.description)])
    }

    private func list(_ request: Request) async throws -> Response {
        let limit: Int = try request.integerParameter("limit", in: 1...Self.mostCount) ?? Self.defaultCount
        var before: ULID?
        if let text = request.uri.queryParameters["before"] {
            guard let id = ULID(String(text)) else { throw HTTPProblem(.badRequest, "before: expected a report's id") }
            before = id
        }
        let outcome: String? = request.uri.queryParameters["outcome"].map { String($0) }
        return .json(["reports": .array(try await store.list(limit: limit, before: before, outcome: outcome))])
    }

    private func report(_ context: ServerContext) async throws -> Response {
        let text: String = try context.parameters.require("id")
        let missing = HTTPProblem(.notFound, "there is no report \(text)")
        guard let id = ULID(text) else { throw missing }
        let report: JSONValue? = try await store.report(id)
        guard let report else { throw missing }
        return .json(report)
    }
}
