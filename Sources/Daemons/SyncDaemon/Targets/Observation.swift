import ConfigAPI
import ConfigAPIClient
import Declarations
import Reconciliation

/// What a store held when it was read as a whole.
struct SeenStore: Sendable {
    var snapshot: ConfigSnapshot
    /// By the age of the reconciler.
    var readAt: Duration
}

/// Reads everything that is live. Never throws: what does not answer is unknown.
///
/// - Parameter known: what the stores held at the last look. Of a store whose generation has not moved since, only where
///   it stands is asked.
func observe(
    _ target: any ReconcileTarget, proxy: (any ReconcileTarget)?, known: [TargetName: ConfigSnapshot] = [:]
) async -> LiveState {
    let knownServer: ConfigSnapshot? = known[.server]
    let knownProxy: ConfigSnapshot? = known[.proxy]
    async let server: Observed<ConfigSnapshot> = read(target, known: knownServer)
    async let agents: Observed<[AgentView]> = observed { () async throws(TargetError) in try await target.agents() }
    async let proxySnapshot: Observed<ConfigSnapshot>? = observedProxy(proxy, known: knownProxy)
    return LiveState(server: await server, agents: await agents, proxy: await proxySnapshot)
}

private func observedProxy(
    _ proxy: (any ReconcileTarget)?, known: ConfigSnapshot?
) async -> Observed<ConfigSnapshot>? {
    guard let proxy else { return nil }
    return await read(proxy, known: known)
}

private func read(_ target: any ReconcileTarget, known: ConfigSnapshot?) async -> Observed<ConfigSnapshot> {
    guard let known else {
        return await observed { () async throws(TargetError) in try await target.wholeSnapshot() }
    }
    // An older component has no such answer: then everything is read.
    let state: StoreState? = try? await target.state()
    if let present = state.flatMap(known.continued) { return .present(present) }
    return await observed { () async throws(TargetError) in try await target.snapshot() }
}

private func observed<Value: Hashable & Sendable>(
    _ body: @Sendable () async throws(TargetError) -> Value
) async -> Observed<Value> {
    do { return .present(try await body()) } catch { return .unreachable(reason: error.description) }
}

/// Who deleted what a source once applied and is no longer there, from the audit log; empty where it does not answer.
func deletions(
    of missing: Set<ResourceKey>, since generation: Int, target: any ReconcileTarget
) async -> [ResourceKey: ChangedBy] {
    guard !missing.isEmpty else { return [:] }
    var found: [ResourceKey: ChangedBy] = [:]
    var since: Int = generation
    // A page holds the whole of its last generation.
    for _ in 0..<100 {
        guard let page = try? await target.audit(since: since) else { break }
        // What was made past the triggers has no number and no author.
        let entries: [AuditEntry] = page.filter { $0.id > 0 }
        for entry in entries {
            if entry.operation == "truncate" {
                for key in missing { found[key] = entry.changedBy }
            } else if let key = entry.deleted, missing.contains(key) {
                found[key] = entry.changedBy
            }
        }
        guard let last = entries.last, page.count >= 1000 else { break }
        since = last.generation
    }
    return found
}

extension AuditEntry {
    fileprivate var deleted: ResourceKey? {
        operation == "delete" ? ResourceKind(rawValue: kind).map { ResourceKey($0, name) } : nil
    }
}
