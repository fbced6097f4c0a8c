package import Declarations
package import HTTPTypes
package import Hummingbird
import Logging

/// A request that is answered with an error: the right status and `{"error": "…"}`, with more members where the
/// contract names some.
package struct HTTPProblem: Error, HTTPResponseError, Hashable, Sendable {
    package var status: HTTPResponse.Status
    package var message: String
    /// The whole body, where it is more than the message.
    package var body: JSONValue?
    package var headers: HTTPFields = [:]

    package init(_ status: HTTPResponse.Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// `body` carries its own `error`.
    package init(_ status: HTTPResponse.Status, body: JSONValue) {
        self.status = status
        self.message = body["error"]?.string ?? status.reasonPhrase
        self.body = body
    }

    /// No credential, or one that does not count. Says no more: why a token is refused is in the server's log.
    package static var unauthenticated: HTTPProblem {
        var problem = HTTPProblem(.unauthorized, "a valid token is needed: Authorization: Bearer …")
        problem.headers[.wwwAuthenticate] = "Bearer realm=\"plumbline\""
        return problem
    }

    package func response(from request: Request, context: some RequestContext) -> Response {
        var response = Response.json(status, body ?? ["error": .string(message)])
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension RequestContext {
    /// The number under which the log speaks of the request. Not `id`, which traps where a logger keeps no metadata.
    package var requestNumber: String { logger[metadataKey: "hb.request.id"]?.description ?? "-" }
}

/// Gives every error the product's form, also those of the framework, and keeps what is nobody's business inside: an
/// unexpected error is logged and answered with 500 and the request's number.
package struct ProblemResponses<Context: RequestContext>: RouterMiddleware {
    package init() {}

    @concurrent
    package func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch let problem as HTTPProblem {
            return problem.response(from: request, context: context)
        } catch let error as HTTPError {
            let message: String = error.body ?? defaultMessage(error.status, request)
            var problem = HTTPProblem(error.status, message)
            problem.headers = error.headers
            return problem.response(from: request, context: context)
        } catch let error as any HTTPResponseError {
            let problem = HTTPProblem(error.status, defaultMessage(error.status, request))
            return problem.response(from: request, context: context)
        } catch is CancellationError {
            return HTTPProblem(.serviceUnavailable, "the server is stopping").response(from: request, context: context)
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            let problem = HTTPProblem(
                .internalServerError, "internal error; the server's log has request \(context.requestNumber)")
            return problem.response(from: request, context: context)
        }
    }

    private func defaultMessage(_ status: HTTPResponse.Status, _ request: Request) -> String {
        switch status {
        case .notFound: "there is nothing at \(request.uri.path)"
        case .methodNotAllowed: "\(request.method) is not possible at \(request.uri.path)"
        case .contentTooLarge: "the body is too large"
        default: status.reasonPhrase
        }
    }
}
