import ConfigAPI
import Declarations
import Runtime
import Telemetry

/// The server or the proxy: its store, the process that runs what is stored and, at the server, the agents.
final class SimulatedComponent {
    unowned let world: World
    let name: Component
    private(set) var store: StoreModel
    private(set) var loadedGeneration = 1
    /// The process does not load what is stored.
    var isLagging = false
    private(set) var hosts: [SimulatedHost] = []
    private var backups: [StoreModel] = []
    private var restores = 0
    /// What the store held, from when on; the last entry is now.
    private(set) var history: [(from: Duration, rows: [ResourceKey: StoreModel.Row], isRecorded: Bool)] = []
    /// When the process ran what was stored, and from when on not.
    private(set) var loads: [(at: Duration, isLoaded: Bool)] = []
    private var answer: (moment: Moment, snapshot: ConfigSnapshot)?
    private var shortAnswer: (moment: Moment, state: StoreState)?

    /// What an answer is made from: while none of it moves, the answer is the same but for the heartbeat.
    private struct Moment: Hashable {
        var storeId: String
        var generation: Int
        var version: Int
        var loadedGeneration: Int
    }

    private var moment: Moment {
        Moment(
            storeId: store.storeId, generation: store.generation, version: store.version,
            loadedGeneration: loadedGeneration)
    }

    init(_ name: Component, world: World) {
        self.world = world
        self.name = name
        store = StoreModel(
            storeId: "\(name.rawValue)-store", targets: name == .proxy ? [.proxy] : [.server, .agents])
        if name == .server { hosts = (0..<2).map { SimulatedHost(name: "web-\($0)", now: world.serverTime) } }
        history = [(.zero, [:], true)]
        loads = [(.zero, true)]
        backups = [store]
    }

    /// Gives the store what it holds at the beginning.
    func fill(_ body: (inout StoreModel) -> Void) {
        body(&store)
        loadedGeneration = store.generation
        history = [(.zero, store.rows, true)]
        backups = [store]
    }

    /// Changes the store; whoever follows it learns of it later.
    @discardableResult
    func change<Result>(_ body: (inout StoreModel) -> Result) -> Result {
        let before: (Int, Int, String) = (store.version, store.generation, store.storeId)
        defer {
            if before != (store.version, store.generation, store.storeId) {
                changed(isKnown: before.1 != store.generation || before.2 != store.storeId)
            }
        }
        return body(&store)
    }

    /// - Parameter isKnown: what was written past the triggers is found at the process's next look, and until then nobody
    ///   can say that it runs something else.
    private func changed(isKnown: Bool) {
        let now: Duration = world.timeline.now
        history.append((now, store.rows, isKnown))
        if isKnown { loads.append((now, false)) }
        world.timeline.after(world.random.milliseconds(5...300)) { [self] in load() }
        world.sendEvents(of: name)
        expectOfHosts()
    }

    /// The process looks each second too; here it loads once more when it stops lagging.
    func load() {
        guard !isLagging, !world.network.isAway(name) else { return }
        loadedGeneration = store.generation
        loads.append((world.timeline.now, true))
    }

    func backUp() { backups.append(store) }

    func restore(_ age: Int) {
        restores += 1
        let backup: StoreModel = backups[max(0, backups.count - 1 - age)]
        // A process keeps to its store: this one ends, and the next one has loaded nothing yet.
        loadedGeneration = 0
        world.checks.grants[name] = nil
        change { $0.restore(backup, as: "\(name.rawValue)-store-\(restores + 1)") }
    }

    /// What `GET /v1/config` answers, once through its JSON for each moment.
    var snapshot: ConfigSnapshot {
        var snapshot: ConfigSnapshot
        if let known = answer, known.moment == moment {
            snapshot = known.snapshot
        } else {
            snapshot = throughJSON(store.snapshot(instances: [instance]))
            answer = (moment, snapshot)
        }
        for index in snapshot.instances.indices { snapshot.instances[index].heartbeatAt = world.serverTime }
        return snapshot
    }

    /// What `GET /v1/config/state` answers, in the same way.
    var state: StoreState {
        var state: StoreState
        if let known = shortAnswer, known.moment == moment {
            state = known.state
        } else {
            state = throughJSON(
                StoreState(
                    storeId: store.storeId, generation: store.generation, instances: [instance], unhealthy: [:]))
            shortAnswer = (moment, state)
        }
        for index in state.instances.indices { state.instances[index].heartbeatAt = world.serverTime }
        return state
    }

    private var instance: ConfigSnapshot.Instance {
        ConfigSnapshot.Instance(
            id: "\(name.rawValue)-1", loadedGeneration: loadedGeneration, loadedDigest: "", error: nil,
            heartbeatAt: world.serverTime, isFresh: true)
    }

    // MARK: Agents

    private func expectOfHosts() {
        guard name == .server else { return }
        let items: [AgentConfig.Item] = store.rows.filter { $0.key.kind.target == .agents }
            .sorted { $0.key < $1.key }
            .map { key, row in
                AgentConfig.Item(
                    kind: key.kind.rawValue, name: key.name, spec: row.resource.resource.spec,
                    digest: row.resource.resource.digest)
            }
        for index in hosts.indices {
            guard hosts[index].expect(items, of: store, now: world.serverTime) else { continue }
            wakeHost(index)
        }
    }

    func changeHost(_ index: Int, _ body: (inout SimulatedHost) -> Void) {
        body(&hosts[index])
        wakeHost(index)
    }

    /// Somebody edits its file.
    func editHost(_ index: Int, _ body: (inout SimulatedHost) -> Void) {
        body(&hosts[index])
        world.sendEvents(of: name)
    }

    /// The agent learns what it is to run, and says what it runs.
    private func wakeHost(_ index: Int) {
        world.timeline.after(world.random.milliseconds(50...900)) { [self] in
            hosts[index].follow(now: world.serverTime)
            world.sendEvents(of: name)
        }
    }

    /// What `GET /v1/agents` answers.
    func agents() -> [AgentView] {
        let now: Timestamp = world.serverTime
        return hosts.indices.map { hosts[$0].view(now: now) }
    }

    func resync(_ request: AgentResync) {
        for index in hosts.indices where request.hosts.contains(hosts[index].name) {
            hosts[index].resync = Set(request.resources)
            wakeHost(index)
        }
    }
}

/// A value as the other end of a connection gets it.
func throughJSON<Value: JSONCodable>(_ value: Value) -> Value {
    do { return try Value(parsing: value.json.canonical) } catch { preconditionFailure("not its own form: \(error)") }
}
