import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// A rule as it runs: its spec, and where in git it comes from.
struct RunningRule: Sendable {
    var name: String
    var spec: AlertRuleSpec
    var source: JSONValue?
}

/// What the engine needs of the rest of the server.
struct AlertEngineDependencies: Sendable {
    var rules: @Sendable () async -> [RunningRule]
    var notifiers: @Sendable () async -> [String: NotifierSpec]
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

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var schedule = EvaluationSchedule()
            var problems: [String: String] = [:]
            await periodically(every: tick, clock: clock) {
                do { try await round(&schedule, &problems) } catch {
                    logger.warning("alert evaluation failed", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func round(_ schedule: inout EvaluationSchedule, _ problems: inout [String: String]) async throws {
        guard let leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(15)) else { return }
        let rules: [RunningRule] = await dependencies.rules()
        let due: [RunningRule] = schedule.takeDue(rules, now: dependencies.now())
        guard !due.isEmpty || schedule.hasGone(from: rules) else { return }
        let stored: [String: [AlertInstance]] = try await store.alerts()
        for rule in due {
            problems[rule.name] = try await evaluate(rule, previous: stored[rule.name] ?? [], under: leadership)
        }
        problems = problems.filter { name, _ in rules.contains { $0.name == name } }
        await dependencies.reportProblems(problems)
        let gone: [String] = stored.keys.filter { name in !rules.contains { $0.name == name } }
        for name in gone { try await retire(name, instances: stored[name] ?? [], under: leadership) }
        schedule.remember(rules)
    }

    /// Moves one rule on; gives the reason where it cannot be evaluated, which leaves its alerts as they are.
    private func evaluate(
        _ rule: RunningRule, previous: [AlertInstance], under leadership: Leadership
    ) async throws -> String? {
        let observation: RuleObservation
        do { observation = try await dependencies.observe(rule.spec, dependencies.now()) } catch {
            logger.warning("rule cannot be evaluated", metadata: ["rule": "\(rule.name)", "error": "\(error)"])
            return "\(error)"
        }
        let result: RuleEvaluation = rule.spec.evaluate(observation, previous: previous)
        guard result.instances != previous else { return nil }
        let notifiers: [String: NotifierSpec] = await dependencies.notifiers()
        let addressed: [AlertStore.Addressed] = result.transitions.map { rule.addressed($0, notifiers: notifiers) }
        try await store.save(
            AlertStore.Update(rule: rule.name, instances: result.instances, notifications: addressed), under: leadership
        )
        return nil
    }

    /// A rule that is gone: what it had firing is resolved, for those who were told.
    private func retire(_ name: String, instances: [AlertInstance], under leadership: Leadership) async throws {
        let rule = RunningRule(name: name, spec: AlertRuleSpec(expr: ""), source: nil)
        let notifiers: [String: NotifierSpec] = await dependencies.notifiers()
        let now: Timestamp = dependencies.now()
        let transitions: [AlertTransition] = instances.filter { $0.state == .firing }.map {
            AlertTransition(
                labels: $0.labels, kind: .resolved, at: now, value: $0.value, activeSince: $0.activeSince)
        }
        var addressed: [AlertStore.Addressed] = transitions.map { rule.addressed($0, notifiers: notifiers) }
        for index in addressed.indices { addressed[index].notifiers = [] }
        try await store.save(AlertStore.Update(rule: name, instances: [], notifications: addressed), under: leadership)
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
        let named: [String] = receivers(named: spec.notifiers, among: notifiers)
        switch transition.kind {
        case .firing: return AlertStore.Addressed(notification, notifiers: named)
        case .resolved:
            let wanting: [String: NotifierSpec] = notifiers.filter(\.value.sendResolved)
            return AlertStore.Addressed(
                notification, notifiers: named.filter { wanting[$0] != nil }, endsKey: key(transition, "firing"),
                reachable: wanting.keys.sorted())
        }
    }

    /// The same for every attempt at, and every repetition of, one transition.
    private func key(_ transition: AlertTransition, _ event: String) -> String {
        let text = "\(name)\(transition.labels) \(transition.activeSince) \(event)"
        return hexadecimal(Digests.sha256(Array(text.utf8)).prefix(16))
    }
}

/// When each rule is due: every rule at whole multiples of its interval, shifted by its name so that not all of them
/// fall on one instant.
struct EvaluationSchedule: Sendable {
    private var next: [String: (every: PromDuration, at: Timestamp)] = [:]

    /// The rules that are due, which are then due again one interval later.
    mutating func takeDue(_ rules: [RunningRule], now: Timestamp) -> [RunningRule] {
        rules.filter { rule in
            let every: PromDuration = rule.spec.every
            // A rule that is new, or whose interval changed, or after a step of the clock: evaluate at once.
            if let planned = next[rule.name], planned.every == every, planned.at > now, planned.at - now <= every {
                return false
            }
            next[rule.name] = (every, now.floored(to: every) + every)
            return true
        }
    }

    /// Whether a rule that was here at the last round is not any more.
    func hasGone(from rules: [RunningRule]) -> Bool {
        let present = Set(rules.map(\.name))
        return next.keys.contains { !present.contains($0) }
    }

    mutating func remember(_ rules: [RunningRule]) {
        let present = Set(rules.map(\.name))
        next = next.filter { present.contains($0.key) }
    }
}
