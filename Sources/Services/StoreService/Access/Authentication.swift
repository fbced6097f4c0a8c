import ConfigAPIServer
package import Hummingbird
import HTTPTypes
import Logging
package import Runtime
import Telemetry

/// The paths that need no credential. Everything else is closed, also what nobody thought of.
package struct OpenPaths: Sendable {
    private let exact: Set<String>
    private let folders: [String]

    /// `folders` end with a slash and open what is below them.
    package init(_ exact: Set<String>, folders: [String] = []) {
        self.exact = exact
        self.folders = folders
    }

    package func contains(_ path: String) -> Bool {
        exact.contains(path) || folders.contains { path.hasPrefix($0) && !path.contains("..") }
    }
}

/// Finds out who asks, from `Authorization: Bearer` or the session cookie, and stops everybody else at closed paths.
package struct Authentication: RouterMiddleware {
    package typealias Context = ServerContext

    private let authority: TokenAuthority
    private let open: OpenPaths
    private let metrics: MetricsRegistry
    private let revocations: Revocations

    package init(
        authority: TokenAuthority, open: OpenPaths, metrics: MetricsRegistry, revocations: Revocations = Revocations()
    ) {
        self.authority = authority
        self.open = open
        self.metrics = metrics
        self.revocations = revocations
    }

    @concurrent
    package func handle(
        _ request: Request, context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var context: ServerContext = context
        if let credential = Credential(request) {
            do throws(TokenRefusal) {
                let identity: Identity = try await authority.verify(credential.token)
                if revocations.isRevoked(identity) { throw .revoked }
                context.identity = identity
                context.logger = context.logger.with(.subject, identity.subject)
            } catch {
                try refuse(error, credential, request, context)
            }
        } else if !open.contains(request.uri.path) {
            throw Self.unauthenticated(request)
        }
        return try await next(request, context)
    }

    /// A refused bearer token is an error everywhere; a stale cookie on an open path is not, or nobody could log in
    /// again.
    private func refuse(
        _ refusal: TokenRefusal, _ credential: Credential, _ request: Request, _ context: ServerContext
    ) throws(HTTPProblem) {
        metrics.counter(
            "plumb_auth_refused_total", "Credentials refused.", labels: ["reason": refusal.rawValue]
        ).increment()
        context.logger.info(
            "credential refused",
            metadata: .of([.reason: refusal.rawValue, .path: request.uri.path, .remote: context.remoteAddress ?? "-"]))
        guard credential.isCookie, open.contains(request.uri.path) else { throw Self.unauthenticated(request) }
    }

    /// A browser is sent to the page that says how to log in; programs get 401 and JSON.
    private static func unauthenticated(_ request: Request) -> HTTPProblem {
        var problem: HTTPProblem = .unauthenticated
        guard request.wantsPage else { return problem }
        problem = HTTPProblem(.seeOther, "log in first")
        problem.headers[.location] = "/login"
        return problem
    }
}

/// A token as a request carries it.
private struct Credential {
    var token: String
    var isCookie: Bool

    init?(_ request: Request) {
        if let header = request.headers[.authorization] {
            let parts: [Substring] = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            token = String(parts[1].drop { $0 == " " })
            isCookie = false
        } else if let session = Session.token(in: request), Session.mayUseCookie(request) {
            token = session
            isCookie = true
        } else {
            return nil
        }
    }
}

extension Request {
    /// Whether a browser asks for something to show.
    package var wantsPage: Bool { method == .get && headers[.accept]?.contains("text/html") == true }
}
