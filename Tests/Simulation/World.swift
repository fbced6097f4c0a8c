import ConfigAPI
import Declarations
import GitStore
import Reconciliation
import Runtime
import SyncDaemon
import Telemetry

/// Everything of one simulated run: the remote, the components, the network, the daemons and what time it is.
///
/// `@unchecked Sendable`: used on the simulation's thread alone, which ``DrainedExecutor`` sees to.
final class World: @unchecked Sendable {
    let executor = DrainedExecutor()
    let defect: Defect
    var timeline = Timeline()
    /// For everything that the schedule does not say: how long things take.
    var random: SeededGenerator
    var remote = SimulatedRemote()
    private(set) lazy var network = SimulatedNetwork(world: self)
    private(set) var components: [Component: SimulatedComponent] = [:]
    private(set) var daemons: [SimulatedDaemon] = []
    /// Commits that a person on the machine allowed although history was rewritten.
    var permitted: Set<ObjectID> = []
    var checks = Checks()
    private(set) var violation: Violation?
    /// Whether faults are over.
    private(set) var isCalm = false
    private(set) var traced: [String] = []
    private(set) var reports = 0
    /// The number of the last request that somebody made by hand.
    var lastRequest = 0
    private let isTracing: Bool

    init(_ schedule: Schedule, defect: Defect, isTracing: Bool) {
        self.defect = defect
        self.isTracing = isTracing
        random = SeededGenerator(seed: schedule.seed ^ 0x5EED)
        components[.server] = SimulatedComponent(.server, world: self)
        if schedule.hasProxy { components[.proxy] = SimulatedComponent(.proxy, world: self) }
        let start: Timestamp = serverTime
        component(.server).fill { store in
            for change in schedule.found {
                let resource: DecodedResource? = change.entry.map { Vocabulary.resource(change.key, $0.variant) }
                store.write(change.key, resource, by: "alice", at: start, audited: true)
            }
        }
        checks.isMeeting = !schedule.found.isEmpty
        daemons = (0..<schedule.daemons).map { SimulatedDaemon($0, world: self, hasProxy: schedule.hasProxy) }
    }

    static let start = Timestamp(milliseconds: 1_700_000_000_000)

    /// The time of day of the components. A daemon's own may be another.
    var serverTime: Timestamp { Self.start + PromDuration(milliseconds: timeline.now.inMilliseconds) }

    func component(_ name: Component) -> SimulatedComponent {
        guard let component = components[name] else { preconditionFailure("no \(name.rawValue) in this simulation") }
        return component
    }

    func trace(_ line: @autoclosure () -> String) {
        guard isTracing else { return }
        let milliseconds: Int64 = timeline.now.inMilliseconds
        traced.append("\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst()) \(line())")
    }

    func violate(_ invariant: Invariant, _ message: @autoclosure () -> String) {
        guard violation == nil else { return }
        let text: String = message()
        trace("VIOLATION \(invariant.rawValue): \(text)")
        violation = Violation(invariant: invariant, message: text)
    }

    /// The end of all faults: everything answers, and somebody pushes a commit that can be taken.
    func calmDown() {
        trace("faults are over")
        isCalm = true
        network.heal()
        for component in components.values.sorted(by: { $0.name.rawValue < $1.name.rawValue }) {
            component.isLagging = false
            component.load()
            for index in component.hosts.indices { component.changeHost(index) { $0.isAway = false } }
        }
        for daemon in daemons { daemon.calmDown() }
        pushFinalCommit()
        // Once more when everything runs again, because a daemon may take an earlier push as late as that, and orders may have
        // kept it from the last one.
        for delay in [46, 150] { timeline.after(.seconds(delay)) { [unowned self] in pushFinalCommit() } }
        // Whatever was to start again has by now.
        timeline.after(.seconds(45)) { [unowned self] in
            for daemon in daemons {
                for order in [Fault.Order.enforce, .resume, .unpin] { daemon.order(order) }
                for key in Vocabulary.all { daemon.endToleration(of: key) }
                // It may have accepted, after the last push, a commit of a branch that was rewritten meanwhile.
                guard let head = remote.head, let accepted = daemon.acceptedCommit else { continue }
                if !remote.isDescendant(head, of: accepted) { daemon.permit(head) }
            }
        }
    }

    private func pushFinalCommit() {
        let anchors: [ObjectID] = daemons.compactMap(\.acceptedCommit) + checks.accepted.map(\.id)
        var parents: [ObjectID] = []
        for id in [remote.head].compactMap({ $0 }) + anchors where !parents.contains(id) && remote.commits[id] != nil {
            parents.append(id)
        }
        var entries: [ResourceKey: Entry] = remote.headCommit?.entries ?? [:]
        // What was left in place is set right too.
        for (key, entry) in entries { entries[key] = Entry(entry.variant) }
        entries[Vocabulary.groups[0]] = Entry(99)
        // A rule that somebody made by hand may need any of them, and git would be refused without it.
        for key in Vocabulary.notifiers where entries[key] == nil { entries[key] = Entry(0) }
        entries = Schedule.complete(entries)
        let id: ObjectID = remote.push(entries, parents: parents, isPermitted: true)
        trace("push \(id.short), the last")
    }

    /// Lets go of everything, which else would hold each other for ever: a hundred thousand worlds are made in a night.
    func dismantle() {
        timeline = Timeline()
        daemons = []
        components = [:]
    }

    // MARK: What goes on

    func sendEvents(of component: Component) {
        for daemon in daemons where network.isReachable(.init(daemon: daemon.number, component: component)) {
            timeline.after(random.milliseconds(1...50)) { daemon.event() }
        }
    }

    func gitCommit(_ commit: SimulatedCommit) -> GitCommit {
        let person = GitCommit.Person(name: "Anna", email: "anna@example.org")
        let at: Timestamp = Self.start + .seconds(Int64(commit.number))
        let trailer: String =
            commit.isPermitted ? "\n\nPlumbline-Allow: prune, adopt, retention, noise, last-notifier" : ""
        return GitCommit(
            id: commit.id, parents: commit.parents, author: person, authoredAt: at, committer: person, committedAt: at,
            message: defect.message("Change number \(commit.number)\(trailer)"))
    }

    func fileWritten(_ path: String, _ bytes: [UInt8], by incarnation: Incarnation) {
        let text = String(decoding: bytes, as: UTF8.self)
        checkSecrets(text, path, by: incarnation)
        if path.hasSuffix("/status.json") { incarnation.runEnded() }
        guard path.hasSuffix("/reports.jsonl") else { return }
        let report = SeenReport(line: bytes.dropLast(), text: text)
        daemons[incarnation.daemon].lastReport = report
        reports += 1
        trace("daemon \(incarnation.daemon): \(report)")
        if !incarnation.isDead, let id = report.commit.flatMap(ObjectID.init(hex:)) { checks.note(enforced: id) }
        checkSync(report, by: incarnation)
    }
}
