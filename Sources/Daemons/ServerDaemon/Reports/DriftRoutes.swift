import ConfigAPIServer
package import Database
import Declarations
package import Hummingbird
import Reconciliation
package import StoreService
import Telemetry

/// The drift ledger: who changed what outside git, when it was seen and when it was over.
package struct DriftRoutes: RouteGroup {
    static let defaultCount = 100
    static let mostCount = 1000

    private let store: DriftStore

    package init(store: DriftStore) { self.store = store }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1/drift", requiring: .query).get { request, _ in try await list(request) }
    }

    private func list(_ request: Request) async throws -> Response {
        let limit: Int = try request.integerParameter("limit", in: 1...Self.mostCount) ?? Self.defaultCount
        var before: ULID?
        if let text = Self.text(request, "before") {
            guard let id = ULID(text) else { throw HTTPProblem(.badRequest, "before: expected an entry's id") }
            before = id
        }
        let filter: DriftStore.Filter = try Self.filter(request)
        let entries: [JSONValue] = try await store.list(filter, limit: limit, before: before)
        return .json(["drift": .array(entries), "summary": try await store.summary(filter)])
    }

    private static func filter(_ request: Request) throws(HTTPProblem) -> DriftStore.Filter {
        var filter = DriftStore.Filter(
            kind: text(request, "kind"), name: text(request, "name"), host: text(request, "host"),
            from: try time(request, "from"), to: try time(request, "to"))
        if let name = text(request, "state") {
            guard let state = DriftEntry.State(rawValue: name) else {
                let known: String = DriftEntry.State.allCases.map(\.rawValue).joined(separator: ", ")
                throw HTTPProblem(.badRequest, "state: expected one of \(known), got \"\(name)\"")
            }
            filter.state = state
        }
        return filter
    }

    private static func time(_ request: Request, _ name: String) throws(HTTPProblem) -> Timestamp? {
        guard let text = text(request, name) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw HTTPProblem(.badRequest, "\(name): expected an RFC 3339 time, got \"\(text)\"")
        }
        return time
    }

    private static func text(_ request: Request, _ name: String) -> String? {
        request.uri.queryParameters[name[...]].map { String($0) }
    }
}
