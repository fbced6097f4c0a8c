import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import StoreService
import Telemetry

/// `POST /api/v1/reconcilers`: a reconciler says that it completed a run. `GET`: who they are and how it goes.
struct ReconcilerRoutes: RouteGroup {
    let store: ReconcilerStore

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/reconcilers", requiring: .config).post { request, context in
            try await note(request, context)
        }
        router.group("/api/v1/reconcilers", requiring: .query).get { _, _ in
            let (records, now) = try await store.records()
            return Response.json(["reconcilers": .array(records.map { $0.json(now: now) })])
        }
    }

    private func note(_ request: Request, _ context: ServerContext) async throws -> Response {
        let identity: Identity = try context.requireScope(.config)
        let status: ReconcilerStatus = try await request.decode(limit: 64 << 10)
        guard status.source == identity.subject else {
            throw HTTPProblem(
                .forbidden, "the token is of \"\(identity.subject)\", which cannot speak for \"\(status.source)\"")
        }
        try await store.record(status)
        return .json(["source": .string(status.source)])
    }
}

extension ReconcilerStore.Record {
    fileprivate func json(now: Timestamp) -> JSONValue {
        .object(compacting: [
            "source": .string(source), "host": .string(host), "patience": patience.map { .string($0.description) },
            "completedAt": .time(completedAt), "ageSeconds": .number((now - completedAt).seconds),
            "outcome": .string(outcome), "report": .string(report), "generation": generation.map { .integer($0) },
            "commit": commit?.json, "driftAt": driftAt.map(JSONValue.time),
            "conditions": .array(told.keys.sorted().map(JSONValue.string)),
        ])
    }
}
