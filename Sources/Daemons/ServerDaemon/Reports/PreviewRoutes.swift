import ConfigAPIServer
package import Database
import Declarations
import HTTPTypes
package import Hummingbird
package import StoreService
import Telemetry

/// Plans of branches that are not enforced, as `gitops-sync` shows them: the last set of each source.
package struct PreviewRoutes: RouteGroup {
    /// As many as `gitops-sync` plans.
    static let mostPreviews = 20
    static let bodyLimit = 16 << 20

    private let store: PreviewStore

    package init(store: PreviewStore) { self.store = store }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1/previews", requiring: .config).post { request, context in
            try await replace(request, context)
        }
        router.group("/api/v1/previews", requiring: .query).get { _, _ in try await list() }
    }

    /// The set belongs to the token's subject, as resources do.
    private func replace(_ request: Request, _ context: ServerContext) async throws -> Response {
        let source: String = try context.requireScope(.config).subject
        let json: JSONValue = try await request.json(limit: Self.bodyLimit)
        guard let previews = json["previews"]?.array, let leftOff = json["leftOff"]?.array else {
            throw HTTPProblem(.unprocessableContent, "expected {\"previews\": [], \"leftOff\": []}")
        }
        guard previews.count <= Self.mostPreviews else {
            throw HTTPProblem(
                .unprocessableContent, "/previews: \(previews.count) of them; up to \(Self.mostPreviews) are kept")
        }
        for (index, preview) in previews.enumerated() {
            guard preview["branch"]?.string != nil, preview["head"]?.string != nil, preview["verdict"]?.string != nil
            else { throw HTTPProblem(.unprocessableContent, "/previews/\(index): expected branch, head and verdict") }
        }
        try await store.replace(["previews": .array(previews), "leftOff": .array(leftOff)], of: source)
        return .json(["source": .string(source), "previews": .integer(previews.count)])
    }

    private func list() async throws -> Response {
        let sets: [JSONValue] = try await store.all().map { entry in
            [
                "source": .string(entry.source), "receivedAt": .time(entry.receivedAt),
                "previews": entry.set["previews"] ?? [], "leftOff": entry.set["leftOff"] ?? [],
            ]
        }
        return .json(["sources": .array(sets)])
    }
}
