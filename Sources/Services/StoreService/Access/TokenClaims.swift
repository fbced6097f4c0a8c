package import ConfigAPIServer
import JWTKit
package import Telemetry

/// What a token says.
package struct TokenClaims: Hashable, Sendable {
    package var subject: String
    package var scopes: Set<Scope>
    /// The only host that the token is for; needed to write telemetry.
    package var host: String?
    package var issuedAt: Timestamp
    package var expiresAt: Timestamp

    package init(subject: String, scopes: Set<Scope>, host: String? = nil, issuedAt: Timestamp, lifetime: PromDuration)
    {
        self.subject = subject
        self.scopes = scopes
        self.host = host
        self.issuedAt = issuedAt
        self.expiresAt = issuedAt + lifetime
    }

    /// The longest that a token may live.
    package static let longestLifetime = PromDuration.days(366)

    /// What is wrong with a request for a token; nil where nothing is.
    package static func problem(subject: String, scopes: Set<Scope>, host: String?, lifetime: PromDuration) -> String? {
        if !isValidName(subject) {
            return "subject \"\(subject)\": expected 1 to 128 letters, digits and any of . _ - @ :"
        }
        if let host, !isValidName(host) {
            return "host \"\(host)\": expected 1 to 128 letters, digits and any of . _ - @ :"
        }
        if scopes.isEmpty { return "a token needs at least one scope" }
        if scopes.contains(.ingest), host == nil {
            return "scope ingest needs a host: telemetry is written for one host"
        }
        if lifetime <= .zero || lifetime > longestLifetime {
            return "a token lives longer than 0s and at most \(longestLifetime), not \(lifetime)"
        }
        return nil
    }

    /// Names end up in logs, headers and file names.
    private static func isValidName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.isASCII
                    && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "._-@:".unicodeScalars.contains($0))
            }
    }
}

/// The claims as they stand in the JWT. Whole seconds: JWTKit's own date claims are written with a fraction, which some
/// readers refuse.
struct WireClaims: JWTPayload {
    var iss: String
    var aud: String
    var sub: String
    var iat: Double?
    var exp: Double
    var scope: String
    var host: String?

    /// Nothing here: issuer, audience and time are checked by ``TokenAuthority``, with its clock.
    func verify(using algorithm: some JWTAlgorithm) {}
}
