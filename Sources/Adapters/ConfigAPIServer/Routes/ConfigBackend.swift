package import ConfigAPI
package import Declarations

/// What the config API is served from: a component's store and what its process runs.
package protocol ConfigBackend: Sendable {
    /// Everything that is live, with sensitive fields as they are stored.
    func snapshot() async throws(ConfigFailure) -> ConfigSnapshot

    /// The same, with everything read and computed anew, whatever the component remembers.
    func wholeSnapshot() async throws(ConfigFailure) -> ConfigSnapshot

    /// Where the store stands, without its content.
    func state() async throws(ConfigFailure) -> StoreState

    /// All changes of the patch or none, as `writer`.
    func apply(_ patch: ConfigPatch, by writer: ConfigWriter) async throws(ConfigFailure) -> ConfigSnapshot

    /// The right to enforce as the source of `writer`, for a while.
    func lease(_ request: LeaseRequest, by writer: ConfigWriter) async throws(ConfigFailure) -> Lease

    /// Recorded changes after a generation, oldest first, at most `limit`.
    func audit(since generation: Int, limit: Int) async throws(ConfigFailure) -> [AuditEntry]

    /// Where the store is now, and again whenever that changes. May leave out what was passed over quickly.
    func positions() async -> AsyncStream<ConfigPosition>
}

extension ConfigBackend {
    /// One that remembers nothing.
    package func wholeSnapshot() async throws(ConfigFailure) -> ConfigSnapshot { try await snapshot() }
}

/// Who writes: the credential's name, and where the request came from.
package struct ConfigWriter: Hashable, Sendable {
    package var subject: String
    package var remoteAddress: String?

    package init(subject: String, remoteAddress: String? = nil) {
        self.subject = subject
        self.remoteAddress = remoteAddress
    }
}

/// A state of a store.
package struct ConfigPosition: Hashable, Sendable {
    package var storeId: String
    package var generation: Int
    package var digest: String

    package init(storeId: String, generation: Int, digest: String) {
        self.storeId = storeId
        self.generation = generation
        self.digest = digest
    }

    package var json: JSONValue {
        ["storeId": .string(storeId), "generation": .integer(generation), "digest": .string(digest)]
    }
}

/// Why a request to the store was not done.
package enum ConfigFailure: Error, Hashable, Sendable {
    /// The store or the lease has moved: read again, plan again.
    case conflict(ConfigConflict)
    /// The changes are wrong: sending them again does not help.
    case rejected(ConfigRejection)
    /// The credential may not do that.
    case forbidden(String)
    /// The store cannot be reached now: try again later.
    case unavailable(String)
}
