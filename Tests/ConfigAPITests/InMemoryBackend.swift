import ConfigAPI
import ConfigAPIServer
import Declarations
import Telemetry

/// A store in memory that behaves: generations, leases, rejections, positions for whoever listens.
actor InMemoryBackend: ConfigBackend {
    private let storeId = "5f0c0a52-9d1f-4a0e-8a9e-000000000001"
    private(set) var generation = 1
    private var resources: [ResourceKey: StoredResource] = [:]
    private var lease: Lease?
    private var trail: [AuditEntry] = []
    private var listeners: [Int: AsyncStream<ConfigPosition>.Continuation] = [:]
    private var nextListener = 0
    private(set) var writers: [ConfigWriter] = []

    var listenerCount: Int { listeners.count }

    func snapshot() -> ConfigSnapshot {
        ConfigSnapshot(
            storeId: storeId, generation: generation, digest: digest, instances: [instance],
            resources: resources.values.sorted { $0.key < $1.key })
    }

    func state() -> StoreState {
        StoreState(storeId: storeId, generation: generation, instances: [instance], unhealthy: [:])
    }

    func apply(_ patch: ConfigPatch, by writer: ConfigWriter) throws(ConfigFailure) -> ConfigSnapshot {
        guard patch.storeId == storeId, patch.generation == generation else {
            throw .conflict(conflict("the store has moved"))
        }
        if let epoch = patch.leaseEpoch, epoch != lease?.epoch { throw .conflict(conflict("the lease has moved")) }
        let errors: [ConfigRejection.Item] = patch.changes.enumerated().compactMap { index, change in
            guard ResourceKind(rawValue: change.kind) == nil else { return nil }
            return ConfigRejection.Item(
                index: index, kind: change.kind, name: change.name, path: "", message: "unsupported kind")
        }
        guard errors.isEmpty else { throw .rejected(ConfigRejection(errors: errors)) }
        writers.append(writer)
        generation += 1
        for change in patch.changes { apply(change, writer) }
        publish()
        return snapshot()
    }

    func lease(_ request: LeaseRequest, by writer: ConfigWriter) throws(ConfigFailure) -> Lease {
        let granted = Lease(
            source: request.source, epoch: (lease?.epoch ?? 0) + 1, expiresAt: Timestamp(seconds: 2_000_000_000),
            acceptedCommit: request.acceptedCommit)
        lease = granted
        return granted
    }

    func audit(since generation: Int, limit: Int) -> [AuditEntry] {
        Array(trail.filter { $0.generation > generation }.prefix(limit))
    }

    func positions() -> AsyncStream<ConfigPosition> {
        let (stream, continuation) = AsyncStream<ConfigPosition>.makeStream()
        let listener: Int = nextListener
        nextListener += 1
        listeners[listener] = continuation
        continuation.onTermination = { [weak self] _ in Task { await self?.removeListener(listener) } }
        continuation.yield(position)
        return stream
    }

    /// What a superuser does with the triggers disabled: another spec, the same generation.
    func changeUnseen(_ key: ResourceKey, spec: JSONValue) {
        resources[key]?.spec = spec
        resources[key]?.digest = "unseen"
    }

    private func apply(_ change: ConfigChange, _ writer: ConfigWriter) {
        guard let kind = ResourceKind(rawValue: change.kind) else { return }
        let key = ResourceKey(kind, change.name)
        let before: JSONValue? = resources[key]?.spec
        var after: JSONValue?
        switch change.operation {
        case .put(let spec):
            resources[key] = StoredResource(
                key: key, spec: spec, digest: "\(spec.canonicalText.count)-\(generation)", owner: writer.subject)
            after = spec
        case .delete: resources[key] = nil
        }
        trail.append(
            AuditEntry(
                id: trail.count + 1, generation: generation, kind: change.kind, name: change.name,
                operation: before == nil ? "insert" : after == nil ? "delete" : "update", before: before, after: after,
                changedBy: ChangedBy(who: writer.subject, at: nil, via: .api)))
    }

    private func removeListener(_ listener: Int) { listeners[listener] = nil }

    private func publish() { for listener in listeners.values { listener.yield(position) } }

    private var digest: String { resources.values.map { "\($0.key) \($0.digest)" }.sorted().joined(separator: ",") }

    private var position: ConfigPosition {
        ConfigPosition(storeId: storeId, generation: generation, digest: digest)
    }

    private var instance: ConfigSnapshot.Instance {
        ConfigSnapshot.Instance(
            id: "one", loadedGeneration: generation, loadedDigest: digest, error: nil,
            heartbeatAt: Timestamp(seconds: 1_800_000_000), isFresh: true)
    }

    private func conflict(_ message: String) -> ConfigConflict {
        ConfigConflict(storeId: storeId, generation: generation, digest: digest, message: message)
    }
}
