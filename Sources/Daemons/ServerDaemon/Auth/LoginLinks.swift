package import Database
import Declarations
import Runtime
import StoreService
package import Telemetry

/// Links that log a browser in once. The database keeps only a hash of the code, so reading the table opens nothing,
/// and any server of an installation can redeem what another one made.
package struct LoginLinks: Sendable {
    package static let lifetime = PromDuration.minutes(5)

    private let store: LoginLinkStore

    package init(store: LoginLinkStore) { self.store = store }

    /// A fresh code for `subject`.
    package func make(for subject: String) async throws -> String {
        let code: String = hexadecimal(randomBytes(32))
        try await store.create(hash: Self.hash(code), subject: subject, validFor: Self.lifetime)
        return code
    }

    /// The subject whom the code logs in; nil where it was used, is too old or never was.
    package func redeem(_ code: String) async throws -> String? {
        guard code.utf8.count == 64 else { return nil }
        return try await store.consume(hash: Self.hash(code))
    }

    private static func hash(_ code: String) -> String { hexadecimal(Digests.sha256(Array(code.utf8))) }
}
