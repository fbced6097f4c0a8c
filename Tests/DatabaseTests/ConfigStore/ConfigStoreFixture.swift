import ConfigAPI
import Database
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

/// A store on a database of its own, and what tests put into it.
struct ConfigStoreFixture {
    let database: TestDatabase
    let store: ConfigStore

    init() async throws {
        database = try await TestPostgres.database()
        store = ConfigStore(
            pool: database.pool, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
    }

    static let gitSync = PatchWriter(subject: "gitops-sync", address: "127.0.0.1")
    static let alice = PatchWriter(subject: "alice", address: "10.0.0.7")

    static func collector(_ interval: String = "10s") -> JSONValue {
        ["source": "cpu", "interval": .string(interval)]
    }
    static let notifier: JSONValue = ["type": "webhook", "url": "http://127.0.0.1:9/hook"]
    static func rule(notifiers: [String] = []) -> JSONValue {
        [
            "expr": "node_load1 > 4", "severity": "warning",
            "notifiers": .array(notifiers.map(JSONValue.string)),
        ]
    }

    static func put(_ kind: String, _ name: String, _ spec: JSONValue, adopt: Bool = false) -> ConfigChange {
        ConfigChange(.put(spec), kind: kind, name: name, adopt: adopt)
    }
    static func delete(_ kind: String, _ name: String) -> ConfigChange { ConfigChange(.delete, kind: kind, name: name) }

    /// A patch against what is stored now.
    func patch(
        _ changes: [ConfigChange], requestId: String = "request-\(Int.random(in: 0..<Int.max))",
        revision: String? = nil, leaseEpoch: Int? = nil
    ) async throws -> ConfigPatch {
        let present: ConfigSnapshot = try await store.snapshot()
        return ConfigPatch(
            requestId: requestId, storeId: present.storeId, generation: present.generation, revision: revision,
            leaseEpoch: leaseEpoch, changes: changes)
    }

    /// Applies changes as gitops-sync does, with a lease.
    @discardableResult
    func enforce(
        _ changes: [ConfigChange], revision: String = "c0ffee", by writer: PatchWriter = gitSync
    ) async throws -> ConfigSnapshot {
        let lease: Lease = try await store.lease(
            LeaseRequest(source: writer.subject, holder: "one", ttl: .minutes(1)))
        let wanted = try await patch(
            changes, requestId: "enforce-\(Int.random(in: 0..<Int.max))", revision: revision, leaseEpoch: lease.epoch)
        return try await store.apply(wanted, by: writer)
    }

    func resource(_ kind: ResourceKind, _ name: String) async throws -> StoredResource {
        try #require(try await store.snapshot().resources.first { $0.key == ResourceKey(kind, name) })
    }

    /// The conflict that a patch of alice's meets; nil where it is applied.
    func conflict(_ patch: ConfigPatch) async throws -> ConfigConflict? {
        do { _ = try await store.apply(patch, by: Self.alice) } catch .conflict(let conflict) { return conflict }
        return nil
    }

    /// What the store refuses with.
    func rejection(_ changes: [ConfigChange], leaseEpoch: Int? = nil) async throws -> [ConfigRejection.Item] {
        let wanted = try await patch(changes, leaseEpoch: leaseEpoch)
        do { _ = try await store.apply(wanted, by: Self.alice) } catch .rejected(let rejection) {
            return rejection.errors
        }
        return []
    }
}
