import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Logging
package import Reconciliation
import Runtime
import SystemdUnits
package import Telemetry

/// What a person asks for through the control socket; revisions are not looked up yet.
package enum OrderRequest: Hashable, Sendable {
    case suspend(reason: String?)
    case resume
    case pin(revision: String, permissions: Set<Permission>, reason: String?)
    case unpin
    case tolerate(resource: String, span: PromDuration, reason: String)
    case endToleration(resource: String)
}

extension Reconciler {
    /// Carries out what a person asks for: written down here first, then on the server, at the next run where it is away
    /// now. Gives what holds from now on.
    package func order(_ request: OrderRequest, by who: String) async throws(SyncError) -> Enforcement {
        let order: EnforcementOrder = try await resolved(request)
        // What the server remembers would overrule an order that does not come after it.
        if knownOrders == nil, configuration.mode == .enforce { _ = try? await takeLease() }
        let next: Enforcement
        do { next = try orders.after(order, by: who, at: dependencies.now()) } catch {
            throw SyncError(error.description)
        }
        do { try dependencies.directory.write(next) } catch { throw SyncError(error.description) }
        knownOrders = next
        areOrdersSent = false
        dependencies.logger.notice(
            "ordered",
            metadata: .of([.reason: next.lines(at: dependencies.now()).joined(separator: "; "), .subject: who])
        )
        await sendOrders()
        return next
    }

    private func resolved(_ request: OrderRequest) async throws(SyncError) -> EnforcementOrder {
        switch request {
        case .suspend(let reason): return .suspend(reason: reason)
        case .resume: return .resume
        case .unpin: return .unpin
        case .pin(let revision, let permissions, let reason):
            return .pin(commit: try await pinnable(revision), permissions: permissions, reason: reason)
        case .tolerate(let text, let span, let reason):
            return .tolerate(try await known(text), span: span, reason: reason)
        case .endToleration(let text): return .endToleration(try key(text))
        }
    }

    private func key(_ text: String) throws(SyncError) -> ResourceKey {
        if let key = ResourceKey(text), ResourceKey.isValidName(key.name) { return key }
        let kinds: String = ResourceKind.allCases.map(\.rawValue).sorted().joined(separator: ", ")
        throw SyncError("\"\(text)\" names no resource; expected KIND/NAME with one of the kinds \(kinds)")
    }

    /// A resource that git declares or that was applied: nothing else is ever corrected.
    private func known(_ text: String) async throws(SyncError) -> ResourceKey {
        let key: ResourceKey = try key(text)
        var known: Set<ResourceKey> = Set(state.inventory.entries.keys).union(state.proxyInventory.entries.keys)
            .union(state.units.entries.keys)
        if let declared = await enforced()?.declared { known.formUnion(declared.resources.keys) }
        guard known.contains(key) else {
            let similar: String = known.filter { $0.kind == key.kind }.sorted().prefix(10).map(\.description)
                .joined(separator: ", ")
            throw SyncError(
                "\(key) is neither declared nor was it ever applied, so nothing corrects it"
                    + (similar.isEmpty ? "" : "; there are \(similar)"))
        }
        return key
    }

    /// The full id of a commit that can be held: on the line of the accepted one, and valid.
    private func pinnable(_ revision: String) async throws(SyncError) -> String {
        do {
            let id: ObjectID = try await dependencies.git.resolve(revision)
            let loaded: LoadedCommit = try await loader.load(id)
            guard loaded.declared != nil else {
                throw SyncError(
                    "commit \(id.hex.prefix(10)) is not valid:\n"
                        + loaded.problems.map(\.description).joined(separator: "\n"))
            }
            guard let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)), accepted != id,
                try await !dependencies.git.isDescendant(accepted, of: id)
            else { return try await kept(id) }
            guard let head = state.head.flatMap(ObjectID.init(hex:)),
                try await dependencies.git.isDescendant(head, of: id)
            else {
                throw SyncError(
                    "commit \(id.hex.prefix(10)) is neither an ancestor of the accepted commit "
                        + "\(accepted.hex.prefix(10)) nor on \(configuration.repository.branch)")
            }
            if case .refused(_, let problems, let refusals) = try await examine(id) {
                let reasons: [String] = problems.map(\.description) + refusals.map(\.message)
                throw SyncError("commit \(id.hex.prefix(10)) is refused:\n" + reasons.joined(separator: "\n"))
            }
            return try await kept(id)
        } catch let error as SyncError { throw error } catch { throw SyncError("\(error)") }
    }

    /// Keeps a commit readable, even where the branch is rewritten later.
    private func kept(_ id: ObjectID) async throws(GitError) -> String {
        try await dependencies.git.keep(id, as: "pinned")
        return id.hex
    }

    // MARK: On the server

    /// What people ordered, as far as it is known.
    var orders: Enforcement { knownOrders ?? .plain }

    /// Leaves orders beside the lease, where they were not taken yet.
    func sendOrders() async {
        guard !areOrdersSent, configuration.mode == .enforce, orders.serial > 0 else { return }
        do { _ = try await takeLease(orders: orders.json) } catch {
            dependencies.logger.warning(
                "orders are not on the server yet", metadata: .of([.error: error.description]))
        }
    }

    /// Takes over what the server remembers, where it is later than what is known here: the state directory was lost, or
    /// is an older one.
    func learnOrders(from lease: Lease) {
        let remembered: Enforcement? = lease.enforcement.flatMap { try? Enforcement(json: $0) }
        areOrdersSent = remembered?.serial ?? 0 >= orders.serial
        if let remembered, remembered.serial > orders.serial {
            knownOrders = remembered
            dependencies.logger.notice(
                "took over the orders that the server remembers",
                metadata: .of([.reason: remembered.lines(at: dependencies.now()).joined(separator: "; ")]))
        } else if knownOrders != nil {
            return
        }
        knownOrders = orders
        do { try dependencies.directory.write(orders) } catch {
            dependencies.logger.error("orders not written", metadata: .of([.error: error.description]))
            noteFailure(.state, "the orders were not written down: \(error.description)")
        }
    }

    /// Why nothing may be written while the server is away; nil where the orders are known.
    func ignorance() -> TargetError? {
        guard knownOrders == nil, configuration.mode == .enforce else { return nil }
        return .unreachable("whether enforcement is suspended is not known until the server answers")
    }

    /// Why a run that began under other orders may not write any more; nil where it may.
    func objection(to run: RunInProgress) -> TargetError? {
        guard orders.serial != run.orders.serial else { return nil }
        return .unreachable("what is to be enforced was changed meanwhile; the next run goes on")
    }
}
