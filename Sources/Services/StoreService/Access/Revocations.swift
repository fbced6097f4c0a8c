package import ConfigAPIServer
import Synchronization
package import Telemetry

/// Since when tokens of a host count, as far as this process knows. Looked at with every request, so it is in memory;
/// whoever revokes writes it here at once, and other servers read it from the database every second.
package final class Revocations: Sendable {
    private let notBefore = Mutex<[String: Timestamp]>([:])

    package init() {}

    package func replace(_ found: [String: Timestamp]) { notBefore.withLock { $0 = found } }

    package func revoke(_ host: String, at now: Timestamp) {
        notBefore.withLock { $0[host] = max($0[host] ?? now, now) }
    }

    /// Whether the credential was made before its host was revoked. Tokens count in whole seconds: one of the very
    /// second of the revocation is refused too.
    package func isRevoked(_ identity: Identity) -> Bool {
        guard let host = identity.host, let notBefore = notBefore.withLock({ $0[host] }) else { return false }
        return identity.issuedAt.map { $0 <= notBefore } ?? true
    }
}
