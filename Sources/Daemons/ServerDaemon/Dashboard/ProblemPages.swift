import ConfigAPIServer
import HTTPTypes
import Hummingbird
import Runtime
import StoreService

/// Tells a browser in a page what it cannot have; programs get the product's JSON from the middleware around this one.
struct ProblemPages: RouterMiddleware {
    let pages: Pages
    let clock: WallClock

    @concurrent
    func handle(
        _ request: Request, context: ServerContext, next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch {
            guard request.wantsPage else { throw error }
            if let problem = error as? HTTPProblem, problem.status.kind == .clientError {
                return page(problem.status, problem.message)
            }
            if let missing = error as? HTTPError, missing.status == .notFound {
                return page(.notFound, "There is nothing at \(request.uri.path).")
            }
            throw error
        }
    }

    private func page(_ status: HTTPResponse.Status, _ message: String) -> Response {
        let view = ProblemView(heading: status.reasonPhrase, message: message)
        return pages.page(status.reasonPhrase, "problem", view, status: status, now: clock())
    }
}

private struct ProblemView {
    let heading: String
    let message: String
}
