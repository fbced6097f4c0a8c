import ConfigAPIServer
import Database
import HTTPTypes
import Hummingbird
import Logging
import Runtime
import StoreService

/// Answers 503 where the database is away, busy or too slow: the same request may succeed later. Everything else that
/// the database refuses is a fault of this program, and stays one.
struct DatabaseProblems: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: ServerContext, next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch {
            guard let error = error as? DatabaseError, error.isTransient || error.isStatementTimeout else {
                throw error
            }
            context.logger.warning("the database did not answer", metadata: .of([.reason: error.description]))
            if error.isDiskFull {
                var full = HTTPProblem(.insufficientStorage, "the database's disk is full: make room, then send again")
                full.headers[.retryAfter] = "30"
                throw full
            }
            let message: String =
                error.isStatementTimeout
                ? "the database took too long: ask for less, or try again"
                : "the database cannot answer now: try again"
            var problem = HTTPProblem(.serviceUnavailable, message)
            problem.headers[.retryAfter] = "2"
            throw problem
        }
    }
}
