import ConfigAPIServer
import Declarations
import HTTPTypes
package import Hummingbird
import Logging
package import Runtime
package import StoreService
import Telemetry

/// Tokens, login links and the browser's session.
package struct AuthRoutes: RouteGroup {
    private let authority: TokenAuthority
    private let links: LoginLinks
    private let isSecure: Bool
    private let clock: WallClock

    /// `isSecure` says that the server speaks TLS itself: then the cookie is for TLS only.
    package init(
        authority: TokenAuthority, links: LoginLinks, isSecure: Bool, clock: @escaping WallClock = Timestamp.now
    ) {
        self.authority = authority
        self.links = links
        self.isSecure = isSecure
        self.clock = clock
    }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1", requiring: .admin)
            .post("tokens") { request, context in try await mint(request, context) }
            .post("login-links") { request, context in try await makeLink(request, context) }
        router.get("/login") { request, context in try await login(request, context) }
        router.get("/logout") { _, _ in logout() }
        router.post("/logout") { _, _ in logout() }
    }

    private func mint(_ request: Request, _ context: ServerContext) async throws -> Response {
        let wanted: TokenRequest = try await request.decode(limit: 16 << 10)
        if let problem = TokenClaims.problem(
            subject: wanted.subject, scopes: wanted.scopes, host: wanted.host, lifetime: wanted.lifetime)
        {
            throw HTTPProblem(.unprocessableContent, problem)
        }
        let claims = TokenClaims(
            subject: wanted.subject, scopes: wanted.scopes, host: wanted.host, issuedAt: clock(),
            lifetime: wanted.lifetime)
        let token: String = try await authority.mint(claims)
        context.logger.notice(
            "token made", metadata: .of([.target: wanted.subject, .scope: claims.scopes.map(\.rawValue).sorted()]))
        return .json(.created, ["token": .string(token), "expiresAt": .time(claims.expiresAt)])
    }

    private func makeLink(_ request: Request, _ context: ServerContext) async throws -> Response {
        let identity: Identity = try context.requireScope(.admin)
        let code: String = try await links.make(for: identity.subject)
        context.logger.notice("login link made")
        return .json(
            .created,
            [
                "path": .string("/login?code=\(code)"),
                "expiresAt": .time(clock() + LoginLinks.lifetime),
            ])
    }

    private func login(_ request: Request, _ context: ServerContext) async throws -> Response {
        guard let code = request.uri.queryParameters["code"] else { return Pages.login(.ok, "You are not logged in.") }
        guard let subject = try await links.redeem(String(code)) else {
            context.logger.info("login link refused", metadata: .of([.remote: context.remoteAddress ?? "-"]))
            return Pages.login(.forbidden, "This link was used already, or is older than 5 minutes.")
        }
        let claims = TokenClaims(subject: subject, scopes: [.query], issuedAt: clock(), lifetime: Session.lifetime)
        let token: String = try await authority.mint(claims)
        context.logger.notice("logged in", metadata: .of([.subject: subject]))
        var response: Response = Self.redirect("/")
        response.headers[.setCookie] = Session.setting(token, isSecure: isSecure)
        return response
    }

    private func logout() -> Response {
        var response: Response = Self.redirect("/login")
        response.headers[.setCookie] = Session.clearing
        return response
    }

    private static func redirect(_ path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path, .cacheControl: "no-store"])
    }
}

/// The body of `POST /api/v1/tokens`.
private struct TokenRequest: JSONCodable {
    var subject: String
    var scopes: Set<Scope>
    var host: String?
    var lifetime: PromDuration

    init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        subject = try reader.string("subject")
        host = try reader.optionalString("host")
        let words: String = try reader.strings("scopes").joined(separator: ",")
        guard let scopes = Scope.list(words) else {
            let known: String = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw reader.error("scopes", "expected a list of any of \(known)")
        }
        self.scopes = scopes
        guard let lifetime = PromDuration(try reader.optionalString("for") ?? "1h") else {
            throw reader.error("for", "expected a duration such as 1h")
        }
        self.lifetime = lifetime
    }

    var json: JSONValue {
        .object(compacting: [
            "subject": .string(subject), "scopes": .array(scopes.map { .string($0.rawValue) }),
            "host": host.map(JSONValue.string), "for": .string(lifetime.description),
        ])
    }
}
