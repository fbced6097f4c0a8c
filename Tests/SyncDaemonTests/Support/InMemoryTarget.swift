import ConfigAPI
import ConfigAPIClient
import Declarations
import Reconciliation
import Runtime
import SyncDaemon
import Telemetry

/// A server with a store, an audit log, a lease and agents, in memory.
actor InMemoryTarget: ReconcileTarget {
    private(set) var store: ConfigStoreModel
    private(set) var reports: [JSONValue] = []
    private(set) var resyncs: [AgentResync] = []
    private(set) var patches: [ConfigPatch] = []
    /// How often everything was read.
    private(set) var wholeReadings = 0
    private var auditEntries: [AuditEntry] = []
    private var anchor: String?
    private(set) var enforcement: JSONValue?
    private var leasesToMiss = 0
    private var epoch = 0
    private var holder: String?
    private var hosts: [AgentView] = []
    /// What hosts say after a resync; nil: that they followed.
    private var agentsAfterResync: [AgentView]?
    /// Answers nothing.
    var isDown = false
    /// Refuses every patch that puts this resource.
    var refused: ResourceKey?
    /// Is called before each patch.
    var beforePatch: (@Sendable (isolated InMemoryTarget) -> Void)?
    /// Takes the next patch and loses the answer.
    var losesNextAnswer = false

    init(storeId: String = "store-1") { store = ConfigStoreModel(storeId: storeId) }

    private static let decoder = ResourceDecoder(sha256: Digests.sha256)

    static func digest(_ key: ResourceKey, _ spec: JSONValue) -> String {
        switch decoder.resource(kind: key.kind, name: key.name, spec: spec) {
        case .success(let decoded): decoded.resource.digest
        case .failure: decoder.rawDigest(kind: key.kind.rawValue, name: key.name, spec: spec)
        }
    }

    // MARK: What tests do to it

    func set(isDown: Bool) { self.isDown = isDown }
    func set(refused: ResourceKey?) { self.refused = refused }
    func set(agents: [AgentView]) { hosts = agents }
    func set(agentsAfterResync agents: [AgentView]?) { agentsAfterResync = agents }
    /// The next requests for a lease get no answer.
    func missLeases(_ count: Int) { leasesToMiss = count }

    /// Is called before each lease is given.
    var beforeLease: (@Sendable () async -> Void)?
    func onLease(_ body: (@Sendable () async -> Void)?) { beforeLease = body }
    private var reportsToRefuse = 0
    /// The next reports are refused for good.
    func refuseReports(_ count: Int) { reportsToRefuse = count }

    func loseLease() { holder = nil }
    func loseNextAnswer() { losesNextAnswer = true }
    func onPatch(_ body: (@Sendable (isolated InMemoryTarget) -> Void)?) { beforePatch = body }

    /// Is called in place of taking the next patch, whose sender gets no answer.
    private var insteadOfPatch: (@Sendable () async -> Void)?
    func missNextPatch(_ body: @escaping @Sendable () async -> Void) { insteadOfPatch = body }

    /// Somebody changes the store; nil deletes.
    func edit(_ key: ResourceKey, _ spec: JSONValue?, by who: String = "alice", via: ChangedBy.Channel = .sql) {
        let changedBy = ChangedBy(who: who, at: Timestamp(milliseconds: 1_700_000_000_000), via: via)
        let before = store.snapshot.resources.first { $0.key == key }?.spec
        store.change(key, to: spec, by: changedBy, digest: Self.digest)
        auditEntries.append(
            AuditEntry(
                id: auditEntries.count + 1, generation: store.snapshot.generation, kind: key.kind.rawValue,
                name: key.name, operation: spec == nil ? "delete" : "update", before: before, after: spec,
                changedBy: changedBy))
    }

    func spec(_ key: ResourceKey) -> JSONValue? { store.snapshot.resources.first { $0.key == key }?.spec }
    func resource(_ key: ResourceKey) -> StoredResource? { store.snapshot.resources.first { $0.key == key } }

    // MARK: What the reconciler asks of it

    private func answer() throws(TargetError) {
        if isDown { throw .unreachable("connection refused") }
    }

    func snapshot() async throws(TargetError) -> ConfigSnapshot {
        wholeReadings += 1
        return try content()
    }

    private func content() throws(TargetError) -> ConfigSnapshot {
        try answer()
        var snapshot = store.snapshot
        snapshot.instances = [
            .init(
                id: "one", loadedGeneration: snapshot.generation, loadedDigest: snapshot.digest, error: nil,
                heartbeatAt: .now(), isFresh: true)
        ]
        return snapshot
    }

    func state() async throws(TargetError) -> StoreState {
        let snapshot: ConfigSnapshot = try content()
        return StoreState(
            storeId: snapshot.storeId, generation: snapshot.generation, instances: snapshot.instances, unhealthy: [:])
    }

    func agents() async throws(TargetError) -> [AgentView] {
        try answer()
        return hosts
    }

    func audit(since generation: Int) async throws(TargetError) -> [AuditEntry] {
        try answer()
        return auditEntries.filter { $0.generation > generation }
    }

    func lease(_ request: LeaseRequest) async throws(TargetError) -> Lease {
        try answer()
        await beforeLease?()
        if leasesToMiss > 0 {
            leasesToMiss -= 1
            throw .unreachable("away for a moment")
        }
        guard LeaseRequest.times.contains(request.ttl) else { throw .rejected(ConfigRejection(errors: [])) }
        if let holder, holder != request.holder {
            throw .conflict(
                ConfigConflict(
                    storeId: store.snapshot.storeId, generation: store.snapshot.generation, digest: "",
                    message: "another process holds the lease"))
        }
        holder = request.holder
        epoch += 1
        anchor = request.acceptedCommit ?? anchor
        if request.enforcement?["serial"]?.integer ?? 0 >= enforcement?["serial"]?.integer ?? 0 {
            enforcement = request.enforcement ?? enforcement
        }
        return Lease(
            source: request.source, epoch: epoch, expiresAt: .now() + request.ttl, acceptedCommit: anchor,
            enforcement: enforcement)
    }

    func apply(_ patch: ConfigPatch) async throws(TargetError) -> ConfigSnapshot {
        try answer()
        if let body = insteadOfPatch {
            insteadOfPatch = nil
            await body()
            throw .unreachable("connection reset")
        }
        beforePatch?(self)
        patches.append(patch)
        if let refused, let index = patch.changes.firstIndex(where: { $0.name == refused.name }) {
            throw .rejected(
                ConfigRejection(errors: [
                    .init(
                        index: index, kind: refused.kind.rawValue, name: refused.name, path: "/keep",
                        message: "no such thing here")
                ]))
        }
        do {
            let snapshot = try store.apply(patch, as: "gitops-sync", digest: Self.digest)
            guard !losesNextAnswer else {
                losesNextAnswer = false
                throw TargetError.unreachable("connection reset")
            }
            return snapshot
        } catch let conflict as ConfigConflict {
            throw .conflict(conflict)
        } catch let error as TargetError {
            throw error
        } catch { throw .malformed("\(error)") }
    }

    /// Hosts follow at once.
    func resync(_ request: AgentResync) async throws(TargetError) {
        try answer()
        resyncs.append(request)
        if let agentsAfterResync {
            hosts = agentsAfterResync
            return
        }
        for index in hosts.indices where request.hosts.contains(hosts[index].host) {
            let expected = hosts[index].expected
            hosts[index].status.running.digest = expected.digest
            hosts[index].status.running.resources = expected.resources.map {
                .init(kind: $0.kind, name: $0.name, spec: $0.spec, digest: $0.digest, state: .running)
            }
            hosts[index].status.file.digest = expected.digest
            hosts[index].status.file.receivedDigest = expected.digest
        }
    }

    func submit(report: JSONValue) async throws(TargetError) {
        try answer()
        if reportsToRefuse > 0 {
            reportsToRefuse -= 1
            throw .failed(status: 413, message: "too large")
        }
        reports.removeAll { $0["id"] == report["id"] }
        reports.append(report)
    }

    func retentionPreview(dataset: String, keep: String) async throws(TargetError) -> JSONValue {
        try answer()
        return [
            "partitions": [
                [
                    "name": "frames_2026_01_01", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z",
                    "rows": 12, "bytes": 4096,
                ]
            ]
        ]
    }
}
