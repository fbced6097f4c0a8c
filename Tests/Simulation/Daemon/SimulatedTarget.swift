import ConfigAPI
import ConfigAPIClient
import Declarations
import Reconciliation
import SyncDaemon
import Telemetry

/// One component's config API as a daemon reaches it: everything passes as JSON over the simulated network, with the
/// deadline and the errors of the real client.
///
/// `@unchecked Sendable`: used on the simulation's thread alone.
final class SimulatedTarget: ReconcileTarget, @unchecked Sendable {
    private let incarnation: Incarnation
    private let component: Component
    private var world: World { incarnation.world }
    /// What this client answered before; used by defects alone.
    private var memory = TargetMemory()

    init(incarnation: Incarnation, component: Component) {
        self.incarnation = incarnation
        self.component = component
    }

    private static let timeout: Duration = .seconds(10)
    static let writer = "gitops-sync"

    private func ask<Reply: Sendable>(
        _ title: String, _ body: @escaping (SimulatedComponent) -> Result<Reply, TargetError>
    ) async -> Result<Reply, TargetError> {
        guard incarnation.step() else { return .failure(.unreachable("the daemon ended")) }
        let there: SimulatedComponent = world.component(component)
        let outcome: NetworkOutcome<Result<Reply, TargetError>> = await world.network.exchange(
            incarnation, component, title, timeout: Self.timeout
        ) { body(there) }
        guard !incarnation.isDead else { return .failure(.unreachable("the daemon ended")) }
        switch outcome {
        case .answered(let result): return result
        case .refused: return .failure(.unreachable("connection refused"))
        case .broken: return .failure(.unreachable("the connection broke"))
        case .timedOut, .dead: return .failure(.unreachable("no answer in time"))
        }
    }

    func snapshot() async throws(TargetError) -> ConfigSnapshot {
        let result: Result<ConfigSnapshot, TargetError> = await ask("config") { .success($0.snapshot) }
        return try world.defect.snapshot(result, &memory).get()
    }

    func state() async throws(TargetError) -> StoreState {
        let result: Result<StoreState, TargetError> = await ask("state") { .success($0.state) }
        return try world.defect.state(result, memory).get()
    }

    func agents() async throws(TargetError) -> [AgentView] {
        let result: Result<[AgentView], TargetError> = await ask("agents") { .success($0.agents()) }
        return try world.defect.agents(result, &memory).get()
    }

    func audit(since generation: Int) async throws(TargetError) -> [AuditEntry] {
        let result: Result<[AuditEntry], TargetError> = await ask("audit") { component in
            .success(component.store.audit.filter { $0.generation > generation }.prefix(1000).map(throughJSON))
        }
        return try result.get()
    }

    func lease(_ request: LeaseRequest) async throws(TargetError) -> Lease {
        let sent: LeaseRequest = throughJSON(request)
        let daemon: Int = incarnation.daemon
        let sentAt: Duration = world.timeline.now
        let result: Result<Lease, TargetError> = await ask("lease") { [world, component] there in
            let wanted: LeaseRequest = world.defect.lease(sent, daemon: daemon)
            switch there.change({ $0.lease(wanted, now: world.serverTime) }) {
            case .success(let lease):
                let isLate: Bool = world.timeline.now - sentAt > Self.timeout
                world.leaseGranted(wanted, lease, by: component, to: daemon, isLate: isLate)
                return .success(throughJSON(lease))
            case .failure(let conflict): return .failure(.conflict(throughJSON(conflict)))
            }
        }
        return world.defect.lease(try result.get())
    }

    func apply(_ patch: ConfigPatch) async throws(TargetError) -> ConfigSnapshot {
        let daemon: Int = incarnation.daemon
        let sent = SentPatch(
            patch: throughJSON(world.defect.patch(patch)), daemon: daemon, at: world.timeline.now,
            orders: world.daemons[daemon].orders)
        world.checkOrders(sent.patch, on: component, by: incarnation)
        if let span = incarnation.pauseBeforeWrite {
            incarnation.pauseBeforeWrite = nil
            try? await incarnation.sleep(for: span)
        }
        let result: Result<ConfigSnapshot, TargetError> = await ask("patch") { [world, component] there in
            let before: StoreModel = there.store
            let failure: StoreModel.PatchFailure? = there.change {
                $0.apply(sent.patch, by: Self.writer, now: world.serverTime, omitting: world.defect.omissions)
            }
            switch failure {
            case .conflict(let conflict): return .failure(.conflict(throughJSON(conflict)))
            case .rejected(let rejection): return .failure(.rejected(throughJSON(rejection)))
            case nil: break
            }
            world.patchApplied(sent, before: before, on: component)
            return .success(there.snapshot)
        }
        return try result.get()
    }

    func resync(_ request: AgentResync) async throws(TargetError) {
        let sent: AgentResync = throughJSON(request)
        let result: Result<Bool, TargetError> = await ask("resync") { component in
            component.resync(sent)
            return .success(true)
        }
        _ = try result.get()
    }

    func submit(report: JSONValue) async throws(TargetError) {
        let incarnation: Incarnation = incarnation
        let result: Result<Bool, TargetError> = await ask("report") { [world] _ in
            world.checkSecrets(in: report, "a report that was sent", by: incarnation)
            return .success(true)
        }
        _ = try result.get()
    }

    func retentionPreview(dataset: String, keep: String) async throws(TargetError) -> JSONValue {
        let result: Result<JSONValue, TargetError> = await ask("retention preview") { _ in .success(["partitions": []])
        }
        return try result.get()
    }
}
