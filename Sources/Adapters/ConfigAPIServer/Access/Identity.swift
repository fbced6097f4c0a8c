package import Hummingbird
package import Telemetry

/// Who makes a request, as the credential says. Nothing of it is taken from anywhere else in the request.
package struct Identity: Hashable, Sendable {
    /// The name of the credential; the source name of what it writes.
    package var subject: String
    package var scopes: Set<Scope>
    /// The only host whose telemetry and config the credential is for.
    package var host: String?
    /// When the credential was made; nil where it does not say.
    package var issuedAt: Timestamp?

    package init(subject: String, scopes: Set<Scope>, host: String? = nil, issuedAt: Timestamp? = nil) {
        self.subject = subject
        self.scopes = scopes
        self.host = host
        self.issuedAt = issuedAt
    }

    package func allows(_ scope: Scope) -> Bool { scopes.contains { $0.implied.contains(scope) } }
}

/// A request's context that knows who asks. A middleware in front of every route sets it from the credential.
package protocol IdentifiedContext: RequestContext {
    /// Nil until the credential was verified, and on open routes.
    var identity: Identity? { get set }
    /// Address of the peer, for the audit.
    var remoteAddress: String? { get }
}

extension IdentifiedContext {
    /// The identity, which must have `scope`: 401 without one, 403 without the scope.
    package func requireScope(_ scope: Scope) throws(HTTPProblem) -> Identity {
        guard let identity else { throw .unauthenticated }
        guard identity.allows(scope) else {
            throw HTTPProblem(.forbidden, "\(identity.subject) lacks the scope \"\(scope.rawValue)\"")
        }
        return identity
    }
}

/// Lets only requests pass whose credential has the scope: 401 without one, 403 without the scope.
package struct RequireScope<Context: IdentifiedContext>: RouterMiddleware {
    private let scope: Scope

    package init(_ scope: Scope) { self.scope = scope }

    @concurrent
    package func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        _ = try context.requireScope(scope)
        return try await next(request, context)
    }
}

extension RouterMethods where Context: IdentifiedContext {
    /// A group of routes below `path` that all need `scope`.
    package func group(_ path: RouterPath = "", requiring scope: Scope) -> RouterGroup<Context> {
        group(path).add(middleware: RequireScope(scope))
    }
}
