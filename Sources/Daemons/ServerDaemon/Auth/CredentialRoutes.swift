import ConfigAPIServer
package import Database
import Declarations
import HTTPTypes
package import Hummingbird
import Logging
package import Runtime
package import StoreService
import Telemetry

/// Enrolment of agents, the tokens that they get for their secret, and revocation.
package struct CredentialRoutes: RouteGroup {
    /// How long the token of an agent holds. It asks for another when two thirds are over.
    static let tokenLifetime = PromDuration.hours(1)
    static let enrolmentLifetime = PromDuration.hours(1)
    static let longestEnrolment = PromDuration.days(30)
    /// Hexadecimal digits of a secret and of an enrolment token: 256 bits.
    static let secretLength = 64

    private let store: CredentialStore
    private let authority: TokenAuthority
    private let revocations: Revocations
    private let metrics: MetricsRegistry
    private let clock: WallClock

    package init(
        store: CredentialStore, authority: TokenAuthority, revocations: Revocations, metrics: MetricsRegistry,
        clock: @escaping WallClock = Timestamp.now
    ) {
        self.store = store
        self.authority = authority
        self.revocations = revocations
        self.metrics = metrics
        self.clock = clock
    }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1", requiring: .admin)
            .post("enrolments") { request, context in try await makeEnrolment(request, context) }
            .get("credentials") { _, _ in try await list() }
            .post("credentials/revoke") { request, context in try await revoke(request, context) }
        // Open: what is presented here is the credential.
        router.post("/v1/agent/enrol") { request, context in try await enrol(request, context) }
        router.post("/v1/agent/token") { request, context in try await renew(request, context) }
    }

    // MARK: For people

    private func makeEnrolment(_ request: Request, _ context: ServerContext) async throws -> Response {
        let body: CredentialRequest = try await request.decode(limit: 16 << 10)
        let host: String = try body.need("host")
        let text: String = body.fields["for"] ?? "\(Self.enrolmentLifetime)"
        guard let span = PromDuration(text), span > .zero, span <= Self.longestEnrolment else {
            throw HTTPProblem(
                .unprocessableContent, "for: expected a duration of at most \(Self.longestEnrolment), got \"\(text)\"")
        }
        try checkHost(host)
        let subject: String = try context.requireScope(.admin).subject
        let token: String = hexadecimal(randomBytes(Self.secretLength / 2))
        try await store.create(hash: Self.hash(token), host: host, by: subject, validFor: span)
        context.logger.notice("enrolment token made", metadata: .of([.host: host]))
        return .json(.created, ["token": .string(token), "host": .string(host), "expiresAt": .time(clock() + span)])
    }

    private func checkHost(_ host: String) throws(HTTPProblem) {
        let problem: String? = TokenClaims.problem(
            subject: "agent:\(host)", scopes: [.ingest], host: host, lifetime: Self.tokenLifetime)
        if let problem { throw HTTPProblem(.unprocessableContent, problem) }
    }

    private func list() async throws -> Response {
        let found: [CredentialStore.Credential] = try await store.credentials()
        return .json([
            "credentials": .array(
                found.map { credential in
                    .object(compacting: [
                        "host": .string(credential.host), "createdAt": .time(credential.createdAt),
                        "lastUsedAt": credential.lastUsedAt.map(JSONValue.time),
                        "lastAddress": credential.lastAddress.map(JSONValue.string),
                        "revokedAt": credential.revokedAt.map(JSONValue.time),
                        "revokedBy": credential.revokedBy.map(JSONValue.string),
                    ])
                })
        ])
    }

    private func revoke(_ request: Request, _ context: ServerContext) async throws -> Response {
        let body: CredentialRequest = try await request.decode(limit: 16 << 10)
        let host: String = try body.need("host")
        try checkHost(host)
        let subject: String = try context.requireScope(.admin).subject
        let hadSecret: Bool = try await store.revoke(host: host, by: subject)
        revocations.revoke(host, at: clock())
        context.logger.notice("credentials revoked", metadata: .of([.host: host, .subject: subject]))
        return .json(["host": .string(host), "hadSecret": .bool(hadSecret)])
    }

    // MARK: For agents

    private func enrol(_ request: Request, _ context: ServerContext) async throws -> Response {
        let body: CredentialRequest = try await request.decode(limit: 16 << 10)
        let token: String = try body.need("enrolment")
        let secret: String = try body.need("secret")
        let host: String = try body.need("host")
        guard secret.utf8.count == Self.secretLength, token.utf8.count == Self.secretLength else {
            throw refusal("enrolment", context)
        }
        switch try await store.enrol(hash: Self.hash(token), secretHash: Self.hash(secret), host: host) {
        case .unknown: throw refusal("enrolment", context)
        case .otherHost(let wanted):
            throw HTTPProblem(
                .forbidden,
                "the enrolment token is for host \"\(wanted)\", the agent calls itself \"\(host)\": start it with "
                    + "--host \(wanted), or make a token for \(host)")
        case .enrolled:
            context.logger.notice(
                "agent enrolled", metadata: .of([.host: host, .remote: context.remoteAddress ?? "-"]))
            return try await granted(host, .created)
        }
    }

    private func renew(_ request: Request, _ context: ServerContext) async throws -> Response {
        let body: CredentialRequest = try await request.decode(limit: 16 << 10)
        let secret: String = try body.need("secret")
        guard secret.utf8.count == Self.secretLength,
            let host = try await store.host(secretHash: Self.hash(secret), address: context.remoteAddress)
        else { throw refusal("secret", context) }
        return try await granted(host, .ok)
    }

    private func granted(_ host: String, _ status: HTTPResponse.Status) async throws -> Response {
        let claims = TokenClaims(
            subject: "agent:\(host)", scopes: [.ingest], host: host, issuedAt: clock(), lifetime: Self.tokenLifetime)
        return .json(
            status,
            [
                "host": .string(host), "token": .string(try await authority.mint(claims)),
                "expiresAt": .time(claims.expiresAt),
                // A span too: the agent's clock may be wrong.
                "expiresInSeconds": .integer(Int(Self.tokenLifetime.seconds)),
            ])
    }

    private func refusal(_ what: String, _ context: ServerContext) -> HTTPProblem {
        metrics.counter(
            "plumb_auth_refused_total", "Credentials refused.", labels: ["reason": what]
        ).increment()
        context.logger.info(
            "credential refused", metadata: .of([.reason: what, .remote: context.remoteAddress ?? "-"]))
        return HTTPProblem(
            .unauthorized,
            what == "secret"
                ? "the secret is not known or was revoked: enrol this host again with plumb enrol --host"
                : "the enrolment token is not known, was used, or has ended: make another with plumb enrol --host")
    }

    private static func hash(_ secret: String) -> String { hexadecimal(Digests.sha256(Array(secret.utf8))) }
}

/// A body of strings.
private struct CredentialRequest: JSONCodable {
    var fields: [String: String]

    init(json: JSONValue) throws(JSONFormError) {
        fields = try JSONObjectReader(["body": json]).stringMap("body")
    }

    var json: JSONValue { fields.json }

    func need(_ name: String) throws(HTTPProblem) -> String {
        guard let text = fields[name], !text.isEmpty else {
            throw HTTPProblem(.badRequest, "body: expected the member \"\(name)\", a string")
        }
        return text
    }
}
