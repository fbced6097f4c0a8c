import ConfigAPIServer
import Declarations
import HTTPTypes
import Hummingbird
import StoreService

/// `GET /api/v1/status-pages`: the declared status pages as they run, for `plumb-page`. A token of scope `query` is
/// enough for the whole page, so that a publishing job needs no right to read the configuration.
struct StatusPageRoutes: RouteGroup {
    let live: LiveConfig

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/status-pages", requiring: .query)
            .get { _, _ in
                guard let running = await live.running else {
                    throw HTTPProblem(.serviceUnavailable, "the configuration was not loaded yet")
                }
                return Response.json(["pages": .array(Self.pages(running))])
            }
    }

    static func pages(_ running: RunningConfig) -> [JSONValue] {
        running.resources(of: .statusPage).map { resource in
            .object(compacting: ["name": .string(resource.key.name), "spec": resource.decoded.resource.spec])
        }
    }
}
