import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import SyncDaemon
import Telemetry

/// One gitops-sync on a machine of its own: the production reconciler and its loop over simulated surroundings.
///
/// `@unchecked Sendable`: used on the simulation's thread alone, which ``DrainedExecutor`` sees to.
final class SimulatedDaemon: @unchecked Sendable {
    unowned let world: World
    let number: Int
    let disk = MemoryDisk()
    let repository = LocalRepository()
    private let hasProxy: Bool
    private(set) var incarnation: Incarnation?
    private var reconciler: Reconciler?
    private var queue = RunQueue()
    private var waitsForStart = false
    /// How far this machine's time of day is from the components'.
    private(set) var wallOffset: PromDuration = .zero
    /// When that changed last.
    private(set) var clockSetAt: Duration = .zero
    /// What it has to obey: what was answered last; nil while that cannot be known.
    private var obeyed: Enforcement? = .plain
    private var openOrders = 0
    /// Whether a person on this machine ended the first meeting since it lost its state.
    private(set) var mayBegin = false
    var lastReport: SeenReport?
    /// As it names itself to a store.
    var holder = ""

    init(_ number: Int, world: World, hasProxy: Bool) {
        self.number = number
        self.world = world
        self.hasProxy = hasProxy
        let bytes: [UInt8] = (0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
        disk.files = ["/state/identity": bytes, "/state/redaction.key": bytes]
        world.defect.prepare(disk)
    }

    var isRunning: Bool { incarnation?.isDead == false }

    /// The commit that its state file names.
    var acceptedCommit: ObjectID? { writtenState?.acceptedCommit.flatMap { ObjectID(hex: $0) } }
    /// The head when it first met a store in use, while nothing is accepted.
    var metCommit: ObjectID? { writtenState?.firstMeeting?.commit.flatMap { ObjectID(hex: $0) } }

    private var writtenState: SyncState? {
        disk.files["/state/state.json"].flatMap { try? SyncState(parsing: $0) }
    }

    // MARK: Life and death

    func start() {
        waitsForStart = false
        guard !isRunning else { return }
        let incarnation = Incarnation(world: world, daemon: number)
        let dependencies: Reconciler.Dependencies = dependencies(incarnation)
        let configuration: BootstrapConfiguration = world.defect.configuration(.simulated)
        let queue = RunQueue()
        let reconciler: Reconciler
        do { reconciler = try Reconciler(configuration, dependencies) } catch {
            world.trace("daemon \(number) does not start: \(error)")
            return start(after: .seconds(10))
        }
        self.incarnation = incarnation
        self.reconciler = reconciler
        self.queue = queue
        lastReport = nil
        world.trace("daemon \(number) starts")
        let service = SyncService(
            reconciler: reconciler, queue: queue, broadcast: ProgressBroadcast(),
            health: SyncHealth(
                patience: configuration.patience, registry: MetricsRegistry(), clock: dependencies.clock),
            configuration: configuration, dependencies: dependencies)
        let task = Task(executorPreference: world.executor) { try? await service.run() }
        incarnation.stop = {
            queue.close()
            task.cancel()
        }
    }

    private func start(after delay: Duration) {
        guard !waitsForStart else { return }
        waitsForStart = true
        world.timeline.after(delay) { [self] in start() }
    }

    /// Ends it after so many more steps, and starts it again.
    func crash(afterSteps steps: Int, downFor delay: Duration, _ loss: StateLoss) {
        guard let incarnation, isRunning else { return }
        incarnation.stepsLeft = steps
        incarnation.onExhausted = { [self] in
            end(loss)
            start(after: delay)
        }
    }

    func end(_ loss: StateLoss = .none) {
        guard isRunning else { return }
        world.trace("daemon \(number) crashes (\(loss))")
        incarnation?.die()
        lose(loss)
    }

    private func lose(_ loss: StateLoss) {
        switch loss {
        case .none: return
        case .state:
            disk.files["/state/state.json"] = nil
            disk.files["/state/reports.jsonl"] = nil
            disk.files["/state/enforcement.json"] = nil
            mayBegin = false
            if serial(world.component(.server).store) < obeyed?.serial ?? 0 { obeyed = nil }
            repository.heads = []
            repository.newest = nil
        case .old:
            guard let old = disk.olderStates.first else { return }
            disk.files["/state/state.json"] = old
            mayBegin = false
        }
        world.checks.lostState[number] = world.timeline.now
        world.forgetWhatNobodyRemembers()
    }

    /// Nothing ends it any more, and it runs.
    func calmDown() {
        incarnation?.stepsLeft = nil
        repository.failures = 0
        incarnation?.pauseBeforeWrite = nil
        setClock(.zero)
        if !isRunning { start(after: .seconds(1)) }
    }

    // MARK: What reaches it

    func event() { if isRunning { queue.trigger(.event) } }
    func webhook() { if isRunning { queue.trigger(.webhook) } }

    /// A person on the machine allows the branch's present head.
    func permit(_ head: ObjectID) {
        guard isRunning, let reconciler else { return }
        world.permitted.insert(head)
        let queue: RunQueue = queue
        Task(executorPreference: world.executor) {
            guard (try? await reconciler.permitRewrite(head.hex, reason: "simulated")) != nil else { return }
            queue.trigger(.manual)
        }
    }

    /// A person on the machine says something.
    func order(_ order: Fault.Order) {
        guard isRunning, let reconciler, let incarnation else { return }
        guard let request = request(for: order) else {
            let queue: RunQueue = queue
            Task(executorPreference: world.executor) { [self] in
                guard (try? await reconciler.beginEnforcing()) != nil, !incarnation.isDead else { return }
                mayBegin = true
                queue.trigger(.manual)
            }
            return
        }
        send(request, to: reconciler, incarnation)
    }

    private func send(_ request: OrderRequest, to reconciler: Reconciler, _ incarnation: Incarnation) {
        let queue: RunQueue = queue
        openOrders += 1
        Task(executorPreference: world.executor) { [self] in
            let answer: Enforcement? = try? await reconciler.order(request, by: "anna")
            openOrders -= 1
            // Of one that a crash cut off nobody knows whether it is written down.
            if incarnation.isDead { obeyed = nil }
            guard let answer, !incarnation.isDead else { return }
            world.trace("daemon \(number) answers the order: \(answer.json.canonicalText)")
            // Answers may overtake each other.
            if answer.serial >= obeyed?.serial ?? 0 { obeyed = answer }
            queue.trigger(.manual)
        }
    }

    func endToleration(of key: ResourceKey) {
        guard isRunning, let reconciler, let incarnation else { return }
        send(.endToleration(resource: "\(key)"), to: reconciler, incarnation)
    }

    private func request(for order: Fault.Order) -> OrderRequest? {
        switch order {
        case .suspend: return .suspend(reason: nil)
        case .resume: return .resume
        case .unpin: return .unpin
        case .enforce: return nil
        case .tolerate(let key, let minutes):
            return .tolerate(resource: "\(key)", span: .seconds(Int64(minutes) * 60), reason: "simulated")
        case .pin(let back, let isPermitted):
            var id: ObjectID? = world.remote.head
            for _ in 0..<back { id = id.flatMap { world.remote.commits[$0]?.parents.first } ?? id }
            return .pin(
                revision: id?.hex ?? "HEAD", permissions: isPermitted ? Set(Permission.allCases) : [], reason: nil)
        }
    }

    /// What binds it now; nil where that cannot be said: an order is under way, or nobody remembers the last one.
    var orders: Enforcement? { openOrders == 0 ? obeyed : nil }

    /// The store was restored: without its own file a daemon knows only what is remembered there.
    func serverForgot() {
        guard disk.files["/state/enforcement.json"] == nil else { return }
        if serial(world.component(.server).store) < obeyed?.serial ?? 0 { obeyed = nil }
    }

    private func serial(_ store: StoreModel) -> Int {
        store.leases[SimulatedTarget.writer]?.enforcement?["serial"]?.integer ?? 0
    }

    func pause(beforeWriteFor span: Duration) { incarnation?.pauseBeforeWrite = span }

    func setClock(_ offset: PromDuration) {
        wallOffset = offset
        clockSetAt = world.timeline.now
    }

    /// What this machine takes for the time of day.
    var time: Timestamp { world.serverTime + wallOffset }

    // MARK: Assembly

    private func dependencies(_ incarnation: Incarnation) -> Reconciler.Dependencies {
        let worker = SimulatedGitWorker(incarnation: incarnation, repository: repository)
        let git = GitStore(GitStore.Configuration(folder: "/state/git")) { request, deadline, _ throws(GitError) in
            try await worker.exchange(request, deadline: deadline)
        }
        let world: World = world
        let number: Int = number
        return Reconciler.Dependencies(
            git: git, target: SimulatedTarget(incarnation: incarnation, component: .server),
            proxy: hasProxy ? SimulatedTarget(incarnation: incarnation, component: .proxy) : nil,
            directory: StateDirectory("/state", files: MemoryFiles(disk: disk, incarnation: incarnation)),
            decoder: Vocabulary.decoder, now: { world.daemons[number].time },
            clock: VirtualClock(incarnation: incarnation),
            uptime: { Uptime(boot: "simulated", elapsed: world.timeline.now) }, random: { world.random.next() },
            decisions: world.defect.decisions, host: "sync-\(number)",
            logger: Logger(label: "simulation") { _ in SimulatedLog(incarnation: incarnation) })
    }
}

/// What of its state a daemon finds again after a crash.
enum StateLoss: Hashable, Sendable {
    case none
    /// All of it is gone.
    case state
    /// It is what it was at first.
    case old
}

extension BootstrapConfiguration {
    static let simulated: BootstrapConfiguration = {
        let text = """
            repository: {url: "https://git.example/config.git"}
            server: {url: "http://server.example:7700"}
            proxy: {url: "http://proxy.example:7701"}
            interval: 60s
            drift: {interval: 15s}
            verify: {timeout: 2s}
            stateDirectory: /state
            controlSocket: /state/control.sock
            listen: none
            """
        do { return try BootstrapConfiguration(file: "simulated.yaml", bytes: Array(text.utf8)) { _ in nil } } catch {
            preconditionFailure("\(error)")
        }
    }()
}

/// Looks for secrets in what is logged.
private struct SimulatedLog: LogHandler {
    let incarnation: Incarnation
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        incarnation.world.checkSecrets("\(event.message) \(event.metadata ?? [:])", "its log", by: incarnation)
    }
}
