package import ConfigAPIServer
import Declarations
import Glibc
import JWTKit
package import Runtime
import Synchronization
package import Telemetry

/// Makes and verifies tokens: JWT, HS256, nothing else.
///
/// JWTKit's traps are kept shut here: it takes the first key for a token without `kid` or with an unknown one, and
/// accepts a header `alg` that is not the key's. So the header is read first and must say `HS256` and a known `kid`,
/// and no key is the default. Issuer, audience and expiry are required and checked against our own clock.
package actor TokenAuthority {
    package static let issuer = "plumbline"
    package static let audience = "plumbline"
    /// How far clocks may differ.
    package static let leeway = PromDuration.seconds(30)

    private var keys: TokenKeys
    private var collection: JWTKeyCollection
    private let path: String?
    private let clock: WallClock
    /// What was verified: an agent shows the same token with every request for an hour.
    private let verified = VerifiedTokens()
    private var lastReload: Timestamp?

    /// With the keys of a file, which is read again when a token names a key that is not known here: a rotation made
    /// by a command needs no restart.
    package init(keysFile path: String, clock: @escaping WallClock = Timestamp.now) async throws(TokenKeysError) {
        let keys: TokenKeys = try TokenKeys.loadOrCreate(path, now: clock())
        await self.init(keys: keys, path: path, clock: clock)
    }

    package init(keys: TokenKeys, clock: @escaping WallClock = Timestamp.now) async {
        await self.init(keys: keys, path: nil, clock: clock)
    }

    private init(keys: TokenKeys, path: String?, clock: @escaping WallClock) async {
        self.keys = keys
        self.path = path
        self.clock = clock
        collection = await Self.collection(keys)
    }

    private static func collection(_ keys: TokenKeys) async -> JWTKeyCollection {
        let collection = JWTKeyCollection()
        for key in keys.keys {
            await collection.add(
                hmac: HMACKey(from: key.secret), digestAlgorithm: .sha256, kid: JWKIdentifier(string: key.id))
        }
        await collection.clearDefault()
        return collection
    }

    /// A key for another purpose, from which the token keys cannot be found.
    package func derivedKey(for purpose: String) -> [UInt8] {
        Digests.hmacSHA256(purpose.utf8, key: keys.signing.secret)
    }

    /// A signed token. The claims were checked with ``TokenClaims/problem(subject:scopes:host:lifetime:)``.
    package func mint(_ claims: TokenClaims) async throws -> String {
        let wire = WireClaims(
            iss: Self.issuer, aud: Self.audience, sub: claims.subject, iat: claims.issuedAt.seconds.rounded(.down),
            exp: claims.expiresAt.seconds.rounded(.down),
            scope: claims.scopes.map(\.rawValue).sorted().joined(separator: " "),
            host: claims.host)
        return try await collection.sign(wire, kid: JWKIdentifier(string: keys.signing.id))
    }

    /// Who the token is for.
    package nonisolated func verify(_ token: String) async throws(TokenRefusal) -> Identity {
        guard token.utf8.count <= 4096 else { throw .malformed }
        let digest: [UInt8] = Digests.sha256(Array(token.utf8))
        let now: Double = clock().seconds
        if let known = verified.identity(digest, now: now) { return known }
        let (identity, expiry): (Identity, Double) = try await verifySignature(token)
        verified.remember(identity, digest, from: now, to: expiry)
        return identity
    }

    private func verifySignature(_ token: String) async throws(TokenRefusal) -> (Identity, expiry: Double) {
        let key: String = try Self.keyNamed(in: token)
        if !keys.keys.contains(where: { $0.id == key }) { await reloadKeys() }
        guard keys.keys.contains(where: { $0.id == key }) else { throw .unknownKey }
        let claims: WireClaims
        do { claims = try await collection.verify(token, as: WireClaims.self) } catch { throw .wrongSignatureOrClaims }
        return (try identity(claims), claims.exp + Self.leeway.seconds)
    }

    /// The `kid` of a header that says HS256.
    private static func keyNamed(in token: String) throws(TokenRefusal) -> String {
        let parts: [Substring] = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64URL.decode(parts[0]), let header = try? JSONValue(parsing: bytes)
        else { throw .malformed }
        guard header["alg"]?.string == "HS256" else { throw .wrongAlgorithm }
        guard let key = header["kid"]?.string else { throw .unknownKey }
        return key
    }

    private func identity(_ claims: WireClaims) throws(TokenRefusal) -> Identity {
        guard claims.iss == Self.issuer else { throw .wrongIssuer }
        guard claims.aud == Self.audience else { throw .wrongAudience }
        let now: Double = clock().seconds
        guard claims.exp.isFinite, now < claims.exp + Self.leeway.seconds else { throw .expired }
        if let issuedAt = claims.iat, issuedAt > now + Self.leeway.seconds { throw .notYetValid }
        guard !claims.sub.isEmpty, let scopes = Scope.list(claims.scope) else { throw .wrongSignatureOrClaims }
        return Identity(
            subject: claims.sub, scopes: scopes, host: claims.host,
            issuedAt: claims.iat.map { Timestamp(seconds: $0) })
    }

    /// At most once a second: a stranger with random key ids must not make the disk busy.
    private func reloadKeys() async {
        let now: Timestamp = clock()
        guard let path, lastReload.map({ now - $0 >= .seconds(1) || now < $0 }) ?? true else { return }
        lastReload = now
        guard let found = try? TokenKeys.load(path), found != keys else { return }
        keys = found
        collection = await Self.collection(found)
        // What a key that is gone has signed counts no more.
        verified.forgetAll()
    }
}

/// Why a token does not count. For the log and the metrics only: who sent it learns nothing but 401.
package enum TokenRefusal: String, Error, CaseIterable, Hashable, Sendable {
    case malformed, wrongAlgorithm, unknownKey, wrongSignatureOrClaims, wrongIssuer, wrongAudience, expired, notYetValid
    case revoked
}
