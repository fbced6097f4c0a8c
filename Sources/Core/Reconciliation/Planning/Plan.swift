package import ConfigAPI
package import Declarations

/// What one run is going to do: ordered steps and refusals. A plain value that can be printed, stored and tested.
package struct Plan: Hashable, Sendable {
    package var revision: String
    package var mode: RunMode
    /// What the steps were planned against; nil where the server did not answer.
    package var storeId: String?
    package var generation: Int?
    /// The same of the proxy's store.
    package var proxyStoreId: String?
    package var proxyGeneration: Int?
    /// Puts after what they refer to, then deletions before what they refer to, then hosts; what is not applied stands
    /// among them.
    package var steps: [Step]
    package var resyncs: [AgentResync]
    package var refusals: [Refusal]
    /// Listed, never touched.
    package var foreign: [ResourceKey]
    /// Owned, no longer declared, and left because their manifests said so.
    package var kept: [ResourceKey]

    /// The steps that change the server's store.
    package var storeSteps: [Step] { storeSteps(on: .server) }
    /// The steps that change the store of a target.
    package func storeSteps(on target: TargetName) -> [Step] {
        steps.filter { $0.target == target && $0.treatment == .apply }
    }
    package var isEmpty: Bool {
        [.server, .proxy, .systemd].allSatisfy { storeSteps(on: $0).isEmpty } && resyncs.isEmpty
    }

    /// All steps of one store as one request; nil where there is nothing to change.
    package func patch(
        for target: TargetName = .server, requestId: String, leaseEpoch: Int?,
        sources: [ResourceKey: ResourceSource]
    ) -> ConfigPatch? {
        guard let storeId = target == .proxy ? proxyStoreId : storeId,
            let generation = target == .proxy ? proxyGeneration : generation
        else { return nil }
        let changes: [ConfigChange] = storeSteps(on: target).map { step in
            let operation: ConfigChange.Operation = step.spec.map(ConfigChange.Operation.put) ?? .delete
            return ConfigChange(
                operation, kind: step.kind, name: step.name, source: step.key.flatMap { sources[$0] },
                adopt: step.takesOwnership)
        }
        guard !changes.isEmpty else { return nil }
        return ConfigPatch(
            requestId: requestId, storeId: storeId, generation: generation, revision: revision, leaseEpoch: leaseEpoch,
            changes: changes)
    }
}

/// Whether a run changes anything.
package enum RunMode: String, CaseIterable, Hashable, Sendable {
    case enforce
    /// Differences are found and reported, and left in place.
    case observe
}

/// What planning needs besides the comparison.
package struct PlanContext: Sendable {
    package var mode: RunMode
    /// What the commits since the last accepted one allow.
    package var permissions: Set<Permission>
    /// What accepted commits allowed on targets that have not carried their part out yet.
    package var owed: [TargetName: Set<Permission>]
    /// Deletions that this source made in the last hour.
    package var recentDeletions: Set<ResourceKey>
    package var deletionBudget: DeletionBudget
    /// The commit that was applied before, where it is known: tells which fields git moved.
    package var previous: DeclaredState?
    /// What a person changed and wants to stay for a while: drift of it is left.
    package var tolerated: Set<ResourceKey>
    /// What was corrected so often that the next correction waits.
    package var isDeferred: @Sendable (DriftSubject, _ paths: [String]) -> Bool
    /// What a live spec refers to.
    package var references: @Sendable (ResourceKey, JSONValue) -> [ResourceKey]
    /// Whether the plan decides over a commit. What an accepted commit takes away was allowed when it was accepted.
    package var judgesCommit: Bool
    /// What is known of changed alert rules; one that is not named is not known.
    package var noise: [ResourceKey: NoiseEvidence]
    /// Replaces the sensitive fields of a spec.
    package var redact: @Sendable (JSONValue, ResourceKind) -> JSONValue

    package init(
        mode: RunMode, permissions: Set<Permission> = [], owed: [TargetName: Set<Permission>] = [:],
        recentDeletions: Set<ResourceKey> = [],
        deletionBudget: DeletionBudget = DeletionBudget(), previous: DeclaredState? = nil,
        judgesCommit: Bool = true, noise: [ResourceKey: NoiseEvidence] = [:], tolerated: Set<ResourceKey> = [],
        isDeferred: @escaping @Sendable (DriftSubject, _ paths: [String]) -> Bool = { _, _ in false },
        references: @escaping @Sendable (ResourceKey, JSONValue) -> [ResourceKey],
        redact: @escaping @Sendable (JSONValue, ResourceKind) -> JSONValue
    ) {
        self.mode = mode
        self.permissions = permissions
        self.owed = owed
        self.recentDeletions = recentDeletions
        self.deletionBudget = deletionBudget
        self.previous = previous
        self.judgesCommit = judgesCommit
        self.noise = noise
        self.tolerated = tolerated
        self.isDeferred = isDeferred
        self.references = references
        self.redact = redact
    }

    func allows(_ permission: Permission, for kind: ResourceKind) -> Bool {
        permissions.contains(permission) || owed[kind.target.store]?.contains(permission) ?? false
    }
}
