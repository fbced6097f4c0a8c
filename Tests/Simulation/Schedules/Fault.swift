import ConfigAPI
import Declarations
import GitStore
import Telemetry

/// One thing that happens in a schedule. Everything about it that is chosen stands in it, so that a schedule with
/// events left out still means the same.
enum Fault: Hashable, Sendable {
    /// Somebody pushes: the entries change by key, nil takes one out.
    case push(changes: [Change], fault: CommitFault?, isPermitted: Bool, webhook: Bool)
    /// Somebody moves the branch `back` commits back, and pushes from there.
    case rewrite(back: Int, changes: [Change])
    /// Somebody on the machine of a daemon accepts the branch as it is.
    case accept(daemon: Int)
    /// The repository of a daemon is damaged.
    case damageRepository(daemon: Int)
    /// The next so many git workers of a daemon are killed.
    case killWorkers(daemon: Int, count: Int)
    case link(daemon: Int, Component, SimulatedNetwork.Condition, seconds: Int)
    case away(Component, seconds: Int)
    case edit(Component, Change, Channel)
    case backUp(Component)
    case restore(Component, age: Int)
    case lag(Component, seconds: Int)
    case crash(daemon: Int, afterSteps: Int, downSeconds: Int, StateLoss)
    /// Before a daemon's next write goes out, its machine stands still.
    case pause(daemon: Int, seconds: Int)
    case order(daemon: Int, Order)
    case clockJump(daemon: Int, seconds: Int)
    case hostAway(Int, seconds: Int)
    case hostEdit(Int, removes: Bool, variant: Int)

    struct Change: Hashable, Sendable, CustomStringConvertible {
        var key: ResourceKey
        /// Nil takes it out.
        var entry: Entry?

        var description: String { "\(key): \(entry.map(\.description) ?? "gone")" }
    }

    /// What somebody on the machine of a daemon says.
    enum Order: Hashable, Sendable {
        case suspend, resume, unpin
        /// To the commit so many before the head of the branch.
        case pin(back: Int, isPermitted: Bool)
        case tolerate(ResourceKey, minutes: Int)
        /// Ends a first meeting.
        case enforce
    }

    /// Through what somebody writes to a store by hand.
    enum Channel: Hashable, Sendable {
        case api, sql
        /// With the triggers disabled.
        case unaudited
    }

    typealias CommitFault = SimulatedCommit.Fault
}

extension World {
    func happen(_ fault: Fault) {
        trace("\(fault)")
        switch fault {
        case .push(let changes, let fault, let isPermitted, let webhook):
            push(changes, on: remote.head, fault, isPermitted: isPermitted)
            if webhook { for daemon in daemons { daemon.webhook() } }
        case .rewrite(let back, let changes):
            var id: ObjectID? = remote.head
            for _ in 0..<back { id = id.flatMap { remote.commits[$0]?.parents.first } ?? id }
            push(changes, on: id, nil, isPermitted: false)
        case .accept(let number):
            if let head = remote.head { daemons[number].permit(head) }
        case .damageRepository(let number): daemons[number].repository.isDamaged = true
        case .killWorkers(let number, let count): daemons[number].repository.failures = count
        case .link(let number, let component, let condition, let seconds):
            let link = SimulatedNetwork.Link(daemon: number, component: component)
            network.set(condition, on: link)
            later(seconds) { $0.network.set(nil, on: link) }
        case .away(let component, let seconds):
            network.set(component, isAway: true)
            later(seconds) { world in
                world.network.set(component, isAway: false)
                if component != .git { world.component(component).load() }
            }
        case .edit(let name, let change, let channel): edit(name, change, channel)
        case .backUp(let name): component(name).backUp()
        case .restore(let name, let age):
            component(name).restore(age)
            for daemon in daemons { daemon.serverForgot() }
            forgetWhatNobodyRemembers()
        case .lag(let name, let seconds):
            component(name).isLagging = true
            later(seconds) { world in
                world.component(name).isLagging = false
                world.component(name).load()
            }
        case .crash(let number, let steps, let down, let loss):
            daemons[number].crash(afterSteps: steps, downFor: .seconds(down), loss)
        case .pause(let number, let seconds): daemons[number].pause(beforeWriteFor: .seconds(seconds))
        case .order(let number, let order): daemons[number].order(order)
        case .clockJump(let number, let seconds): daemons[number].setClock(.seconds(Int64(seconds)))
        case .hostAway(let index, let seconds):
            component(.server).changeHost(index) { $0.isAway = true }
            later(seconds) { $0.component(.server).changeHost(index) { $0.isAway = false } }
        case .hostEdit(let index, let removes, let variant):
            let now = serverTime
            component(.server).editHost(index) { $0.edit(removes: removes, variant: variant, now: now) }
        }
    }

    private func later(_ seconds: Int, _ body: @escaping (World) -> Void) {
        timeline.after(.seconds(seconds)) { [unowned self] in
            guard !isCalm else { return }
            body(self)
        }
    }

    private func push(
        _ changes: [Fault.Change], on parent: ObjectID?, _ fault: Fault.CommitFault?, isPermitted: Bool
    ) {
        var entries: [ResourceKey: Entry] = parent.flatMap { remote.commits[$0]?.entries } ?? [:]
        for change in changes { entries[change.key] = change.entry }
        let id = remote.push(
            Schedule.complete(entries), parents: parent.map { [$0] } ?? [], fault: fault, isPermitted: isPermitted)
        trace("push \(id.short)")
    }

    private func edit(_ name: Component, _ change: Fault.Change, _ channel: Fault.Channel) {
        let there: SimulatedComponent = component(name)
        let resource: DecodedResource? = change.entry.map { Vocabulary.resource(change.key, $0.variant) }
        guard channel == .api else {
            return there.change {
                $0.write(change.key, resource, by: "alice", at: serverTime, audited: channel == .sql)
            }
        }
        lastRequest += 1
        let operation = resource.map { ConfigChange.Operation.put($0.resource.spec) } ?? .delete
        let patch = ConfigPatch(
            requestId: "alice-\(lastRequest)", storeId: there.store.storeId, generation: there.store.generation,
            revision: nil, leaseEpoch: nil,
            changes: [ConfigChange(operation, kind: change.key.kind.rawValue, name: change.key.name)])
        // What the store refuses is refused to alice too.
        there.change { $0.apply(patch, by: "alice", now: serverTime) }
    }
}
