import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// A rule as it runs: its spec, and where in git it comes from.
struct RunningRule: Sendable {
    var name: String
    var spec: AlertRuleSpec
    var source: JSONValue?
}

/// What the engine needs of the rest of the server.
struct AlertEngineDependencies: Sendable {
    /// Nil until a configuration was loaded: before, no rule can be taken for deleted.
    var rules: @Sendable () async -> [RunningRule]?
    var notifiers: @Sendable () async -> [String: NotifierSpec]?
    var observe: @Sendable (AlertRuleSpec, Timestamp) async throws -> RuleObservation
    /// Says which rules do not work, and why; shown as the resources' health.
    var reportProblems: @Sendable (_ problems: [String: String]) async -> Void
    var now: WallClock
}

/// Evaluates each rule at its own pace, on the one server that leads.
///
/// Alerts live in the database, not here: an evaluation reads a rule's alerts, decides (``AlertRuleSpec/evaluate(_:previous:)``)
/// and writes them back together with the notifications. A server that dies between two evaluations loses nothing.
struct AlertEngine: Service {
    static let task = "alerts"

    let store: AlertStore
    let leaders: LeaderStore
    let holder: String
    let dependencies: AlertEngineDependencies
    let clock: any Clock<Duration>
    let logger: Logger
    /// How often due rules are looked for; rules cannot be evaluated more often.
    var tick: Duration = .milliseconds(500)

    /// What one server remembers from round to round. All of it may be lost: what counts is in the database.
    struct Memory: Sendable {
        var schedule = EvaluationSchedule()
        var problems: [String: String] = [:]
        var leadership: Leadership?
        /// Under which leadership stored alerts were last held against the rules. A new leader does so at once: a rule
        /// may have been deleted while nobody evaluated.
        var comparedUnder: Leadership?
    }

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var memory = Memory()
            await periodically(every: tick, clock: clock) {
                do { try await round(&memory) } catch {
                    logger.warning("alert evaluation failed", metadata: ["error": "\(error)"])
                }
            }
            return memory.leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Evaluates what is due, where this server leads.
    func round(_ memory: inout Memory) async throws {
        guard let rules = await dependencies.rules(), let notifiers = await dependencies.notifiers() else { return }
        memory.leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(15))
        guard let leadership = memory.leadership else { return }
        let due: [RunningRule] = memory.schedule.takeDue(rules, now: dependencies.now())
        let mayBeStale: Bool = memory.comparedUnder != leadership || memory.schedule.hasGone(from: rules)
        guard !due.isEmpty || mayBeStale else { return }
        var allEnded = true
        let present = Set(rules.map(\.name))
        do {
            let stored: [String: [AlertInstance]] = try await store.alerts()
            for rule in due {
                let previous: [AlertInstance] = stored[rule.name] ?? []
                memory.problems[rule.name] = try await evaluate(
                    rule, previous: previous, notifiers: notifiers, under: leadership)
            }
            for name in stored.keys.sorted() where !present.contains(name) {
                let ended: Bool = try await retire(
                    name, instances: stored[name] ?? [], notifiers: notifiers, under: leadership)
                allEnded = allEnded && ended
            }
        } catch {
            // Tried again at the next round, not an interval later.
            memory.schedule.forget(due)
            throw error
        }
        memory.problems = memory.problems.filter { name, _ in present.contains(name) }
        await dependencies.reportProblems(memory.problems)
        memory.comparedUnder = allEnded ? leadership : nil
        memory.schedule.remember(rules)
    }

    /// Moves one rule on; gives the reason where it cannot be evaluated, which leaves its alerts as they are. Throws
    /// what stops every rule: lost leadership, a database that is away.
    private func evaluate(
        _ rule: RunningRule, previous: [AlertInstance], notifiers: [String: NotifierSpec], under leadership: Leadership
    ) async throws -> String? {
        let observation: RuleObservation
        do { observation = try await dependencies.observe(rule.spec, dependencies.now()) } catch {
            logger.warning("rule cannot be evaluated", metadata: ["rule": "\(rule.name)", "error": "\(error)"])
            return "\(error)"
        }
        let result: RuleEvaluation = rule.spec.evaluate(observation, previous: previous)
        guard result.instances != previous else { return nil }
        let addressed: [AlertStore.Addressed] = result.transitions.map { rule.addressed($0, notifiers: notifiers) }
        let update = AlertStore.Update(rule: rule.name, instances: result.instances, notifications: addressed)
        do { try await store.save(update, under: leadership) } catch {
            if error is LeadershipLost || (error as? DatabaseError)?.isConnectionFailure == true { throw error }
            // What the database refuses of one rule must not hold up the others.
            logger.error("alerts cannot be stored", metadata: ["rule": "\(rule.name)", "error": "\(error)"])
            return "its alerts cannot be stored: \(error)"
        }
        return nil
    }

    /// A rule that is gone: what it had firing is resolved, for those who were told. False where the store knows the rule
    /// after all: the configuration that has it is about to be loaded.
    private func retire(
        _ name: String, instances: [AlertInstance], notifiers: [String: NotifierSpec], under leadership: Leadership
    ) async throws -> Bool {
        let rule = RunningRule(name: name, spec: AlertRuleSpec(expr: ""), source: nil)
        let now: Timestamp = dependencies.now()
        let transitions: [AlertTransition] = instances.filter { $0.state == .firing }.map {
            AlertTransition(
                labels: $0.labels, kind: .resolved, at: now, value: $0.value, activeSince: $0.activeSince)
        }
        var addressed: [AlertStore.Addressed] = transitions.map { rule.addressed($0, notifiers: notifiers) }
        for index in addressed.indices { addressed[index].notifiers = [] }
        let end = AlertStore.Update(rule: name, instances: [], notifications: addressed, isLast: true)
        return try await store.save(end, under: leadership)
    }
}

extension RunningRule {
    /// The notification of a transition and who gets it. A resolution goes to whoever was told of the firing, and to
    /// today's receivers.
    func addressed(_ transition: AlertTransition, notifiers: [String: NotifierSpec]) -> AlertStore.Addressed {
        var labels: [String: String] = transition.labels.dictionary
        labels.merge(spec.labels) { _, own in own }
        let notification = Notification(
            dedupeKey: key(transition, transition.kind.rawValue),
            event: transition.kind == .firing ? .firing : .resolved, rule: name, severity: spec.severity,
            labels: labels,
            annotations: spec.annotations.mapValues { filled($0, labels: transition.labels, value: transition.value) },
            value: transition.value, activeSince: transition.activeSince, at: transition.at, provenance: source)
        return AlertStore.Addressed(
            notification, named: spec.notifiers, among: notifiers, ending: key(transition, "firing"))
    }

    /// The same for every attempt at, and every repetition of, one transition.
    private func key(_ transition: AlertTransition, _ event: String) -> String {
        let text = "\(name)\(transition.labels) \(transition.activeSince) \(event)"
        return hexadecimal(Digests.sha256(Array(text.utf8)).prefix(16))
    }
}

extension AlertStore.Addressed {
    /// To those named, or to the defaults (see ``receivers(named:among:)``). A resolution goes to those of them that
    /// want it, and to whoever was told of the notification `key` that it ends.
    init(_ notification: Notification, named: [String], among notifiers: [String: NotifierSpec], ending key: String?) {
        let chosen: [String] = receivers(named: named, among: notifiers)
        guard notification.event == .resolved else {
            self.init(notification, notifiers: chosen)
            return
        }
        let wanting: [String: NotifierSpec] = notifiers.filter(\.value.sendResolved)
        self.init(
            notification, notifiers: chosen.filter { wanting[$0] != nil }, endsKey: key,
            reachable: wanting.keys.sorted())
    }
}

/// When each rule is due: at whole multiples of its interval.
struct EvaluationSchedule: Sendable {
    private var next: [String: (every: PromDuration, at: Timestamp)] = [:]

    /// The rules that are due, which are then due again one interval later.
    mutating func takeDue(_ rules: [RunningRule], now: Timestamp) -> [RunningRule] {
        var due: [RunningRule] = []
        // Looked at where they lie: a rule is large, and hardly ever due.
        for index in rules.indices {
            let every: PromDuration = rules[index].spec.every
            // A rule that is new, or whose interval changed, or after a step of the clock: evaluate at once.
            if let planned = next[rules[index].name], planned.every == every, planned.at > now,
                planned.at - now <= every
            {
                continue
            }
            next[rules[index].name] = (every, now.floored(to: every) + every)
            due.append(rules[index])
        }
        return due
    }

    /// Whether a rule that was here at the last round is not any more. To be asked about rules that were looked at
    /// for what is due.
    func hasGone(from rules: [RunningRule]) -> Bool {
        // All of these are planned: ``takeDue(_:now:)`` saw them.
        next.count > rules.count
    }

    /// Makes rules due again at once.
    mutating func forget(_ rules: [RunningRule]) {
        for rule in rules { next[rule.name] = nil }
    }

    mutating func remember(_ rules: [RunningRule]) {
        guard hasGone(from: rules) else { return }
        let present = Set(rules.map(\.name))
        next = next.filter { present.contains($0.key) }
    }
}
