import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Reconciliation
import SyncDaemon
import Telemetry

/// A mistake that can be put into a simulated run, to show that it is found. Each stands at a seam of the reconciler:
/// in what is handed to it, or in one of the decisions that it is given.
package enum Defect: String, CaseIterable, Hashable, Sendable {
    case none
    /// A repository that cannot be read is taken for an empty one.
    case unreadableIsEmpty
    /// A store that does not answer is taken to be as it was.
    case lastAnswerStands
    /// A tree that was read in part is taken for a whole one.
    case halfTreeIsWhole
    /// Files that cannot be read are left out of the commit.
    case badFilesAreSkipped
    /// The branch is taken as it is, whatever was accepted before.
    case rewrittenHistoryIsTaken
    /// The server's note of the accepted commit is not read.
    case anchorIsForgotten
    /// Every commit counts as permitted.
    case everythingIsPermitted
    /// The guard allows any number of deletions.
    case guardIsOff
    /// Earlier deletions are not written down.
    case deletionsAreForgotten
    /// What was applied is not written down.
    case inventoryIsLost
    /// What others own is taken for ours.
    case foreignIsOurs
    /// Patches are sent without the lease's epoch.
    case epochIsNotSent
    /// The store does not look at the epoch.
    case epochIsNotChecked
    /// Two processes name themselves alike.
    case holdersAreAlike
    /// The store does not look at the generation that was planned for.
    case generationIsNotChecked
    /// A second look is answered from memory.
    case secondLookIsRemembered
    /// The content of a store is taken from memory while its generation stays.
    case generationIsBelieved
    /// The digest that was applied is taken for the live one.
    case appliedDigestIsBelieved
    /// Processes are taken to run what is stored.
    case instancesAreBelieved
    /// Secrets are not replaced in reports.
    case secretsAreShown
    /// Files are written in place.
    case filesAreTorn
    /// Requests carry the same id.
    case requestIdsRepeat
    /// Drift that is seen is not corrected.
    case driftIsLeft
    /// Waits are measured by the time of day.
    case timeOfDayIsBelieved
    /// What people ordered is not written down.
    case ordersAreForgotten
    /// What is tolerated is corrected.
    case tolerationsAreIgnored
    /// A store that others filled is taken for a new one.
    case storeInUseIsTakenForEmpty
}

/// What a target with a defect remembers.
struct TargetMemory {
    var snapshot: ConfigSnapshot?
    var agents: [AgentView]?
    var uses = 0
}

// MARK: At the git worker

extension Defect {
    func git(
        _ outcome: Result<WorkerAnswer, GitError>, _ request: WorkerRequest, _ remote: SimulatedRemote
    ) -> Result<WorkerAnswer, GitError> {
        guard case .success(let answer) = outcome, case .success(let result) = answer.outcome else { return outcome }
        switch (self, request.operation) {
        case (.rewrittenHistoryIsTaken, .isDescendant):
            return .success(WorkerAnswer(.success(["isDescendant": true])))
        case (.halfTreeIsWhole, .tree):
            guard case .object(var members) = result else { return outcome }
            members["refusals"] = .array([])
            return .success(WorkerAnswer(.success(.object(members)), blobs: answer.blobs))
        case (.badFilesAreSkipped, .tree(let id, _, _)):
            guard let fault = remote.commits[id]?.fault, fault != .symlink,
                var listing = try? TreeListing(header: result, blobs: answer.blobs)
            else { return outcome }
            let bad: Set<String> = ["HostGroup/g0.yaml", "HostGroup/g1.yaml", "AlertRule/a0.yaml"]
            listing.files.removeAll { bad.contains($0.path) }
            return .success(listing.answer)
        default: return outcome
        }
    }

    func message(_ text: String) -> String {
        self == .everythingIsPermitted ? text + "\n\nPlumbline-Allow: prune, adopt" : text
    }
}

// MARK: At the targets

extension Defect {
    func snapshot(
        _ result: Result<ConfigSnapshot, TargetError>, _ memory: inout TargetMemory
    ) -> Result<ConfigSnapshot, TargetError> {
        guard case .success(var snapshot) = result else {
            guard self == .lastAnswerStands, let known = memory.snapshot else { return result }
            return .success(known)
        }
        switch self {
        case .lastAnswerStands: memory.snapshot = snapshot
        case .storeInUseIsTakenForEmpty:
            if memory.snapshot == nil {
                memory.snapshot = snapshot
                snapshot.resources = []
            }
        case .secondLookIsRemembered:
            if let known = memory.snapshot, memory.uses < 3 {
                memory.uses += 1
                return .success(known)
            }
            memory = TargetMemory(snapshot: snapshot, uses: 0)
        case .generationIsBelieved:
            if let known = memory.snapshot, known.generation == snapshot.generation, known.storeId == snapshot.storeId {
                snapshot.resources = known.resources
            }
            memory.snapshot = snapshot
        case .appliedDigestIsBelieved:
            for index in snapshot.resources.indices {
                if let applied = snapshot.resources[index].applied { snapshot.resources[index].digest = applied.digest }
            }
        case .instancesAreBelieved:
            for index in snapshot.instances.indices { snapshot.instances[index].loadedGeneration = snapshot.generation }
        case .foreignIsOurs:
            for index in snapshot.resources.indices { snapshot.resources[index].owner = SimulatedTarget.writer }
        default: break
        }
        return .success(snapshot)
    }

    func state(_ result: Result<StoreState, TargetError>, _ memory: TargetMemory) -> Result<StoreState, TargetError> {
        guard case .success(var state) = result else {
            guard self == .lastAnswerStands, let known = memory.snapshot else { return result }
            return .success(
                StoreState(
                    storeId: known.storeId, generation: known.generation, instances: known.instances, unhealthy: [:]))
        }
        if self == .instancesAreBelieved {
            for index in state.instances.indices { state.instances[index].loadedGeneration = state.generation }
        }
        return .success(state)
    }

    func agents(
        _ result: Result<[AgentView], TargetError>, _ memory: inout TargetMemory
    ) -> Result<[AgentView], TargetError> {
        guard self == .lastAnswerStands else { return result }
        if case .success(let views) = result { memory.agents = views }
        return memory.agents.map(Result.success) ?? result
    }

    func lease(_ request: LeaseRequest, daemon: Int) -> LeaseRequest {
        var request: LeaseRequest = request
        if self == .holdersAreAlike { request.holder = "sync" }
        return request
    }

    func lease(_ lease: Lease) -> Lease {
        var lease: Lease = lease
        if self == .anchorIsForgotten { lease.acceptedCommit = nil }
        if self == .ordersAreForgotten { lease.enforcement = nil }
        return lease
    }

    func patch(_ patch: ConfigPatch) -> ConfigPatch {
        var patch: ConfigPatch = patch
        if self == .epochIsNotSent { patch.leaseEpoch = nil }
        if self == .requestIdsRepeat { patch.requestId = "request" }
        return patch
    }

    var omissions: StoreModel.Omissions {
        switch self {
        case .epochIsNotChecked: .epoch
        case .generationIsNotChecked: .generation
        default: []
        }
    }
}

// MARK: At the daemon

extension Defect {
    func prepare(_ disk: MemoryDisk) {
        switch self {
        case .filesAreTorn: disk.tearsFiles = true
        case .inventoryIsLost: disk.spoil = { Self.without(["inventory", "proxyInventory"], $0) }
        case .ordersAreForgotten: disk.spoilOrders = { _ in Enforcement.plain.json.canonical }
        case .deletionsAreForgotten: disk.spoil = { Self.without(["deletions"], $0) }
        default: break
        }
    }

    private static func without(_ names: [String], _ bytes: [UInt8]) -> [UInt8] {
        guard case .object(var members)? = try? JSONValue(parsing: bytes) else { return bytes }
        for name in names { members[name] = nil }
        return JSONValue.object(members).canonical
    }

    func configuration(_ configuration: BootstrapConfiguration) -> BootstrapConfiguration {
        var configuration: BootstrapConfiguration = configuration
        if self == .guardIsOff { configuration.deletionBudget = DeletionBudget(percent: 100, minimum: 99, maximum: 99) }
        return configuration
    }

    var decisions: Decisions {
        var decisions = Decisions.standard
        switch self {
        case .secretsAreShown:
            decisions.plan = { comparison, context in
                var context: PlanContext = context
                context.redact = { spec, _ in spec }
                return Decisions.standard.plan(comparison, context)
            }
        case .tolerationsAreIgnored:
            decisions.plan = { comparison, context in
                var context: PlanContext = context
                context.tolerated = []
                return Decisions.standard.plan(comparison, context)
            }
        case .driftIsLeft:
            decisions.plan = { comparison, context in
                var plan: Plan = Decisions.standard.plan(comparison, context)
                plan.steps.removeAll { $0.causes == [.drift] }
                return plan
            }
        default: break
        }
        return decisions
    }
}
