package import Declarations
import Telemetry

/// The state of a rule's alerts after one evaluation, and what changed by it.
package struct RuleEvaluation: Sendable {
    /// In order of labels. What is not here any more is forgotten.
    package var instances: [AlertInstance]
    package var transitions: [AlertTransition]
}

extension AlertRuleSpec {
    /// Moves the alerts of this rule on by one evaluation.
    ///
    /// A pure function: the same instances and observation always give the same result, so a rule that was evaluated
    /// and then not saved can be evaluated again.
    package func evaluate(_ observation: RuleObservation, previous: [AlertInstance]) -> RuleEvaluation {
        let known = Dictionary(previous.map { ($0.labels, $0) }) { _, last in last }
        var labelSets = Set(known.keys).union(observation.matching.keys)
        if noData == .alert { labelSets.formUnion(observation.present ?? []) }
        var result = RuleEvaluation(instances: [], transitions: [])
        for labels in labelSets.sorted() {
            let before: AlertInstance? = known[labels]
            let after: AlertInstance? = step(before, labels: labels, observation)
            if let after { result.instances.append(after) }
            if let transition = transition(from: before, to: after, labels: labels, at: observation.at) {
                result.transitions.append(transition)
            }
        }
        return result
    }

    private func step(_ before: AlertInstance?, labels: Labels, _ observation: RuleObservation) -> AlertInstance? {
        if let value = observation.matching[labels] {
            return matched(before, labels: labels, value: value, observation.at)
        }
        if isMissing(labels, observation) { return missing(before, labels: labels, observation.at) }
        return unmatched(before, labels: labels, observation)
    }

    private func matched(_ before: AlertInstance?, labels: Labels, value: Double, _ now: Timestamp) -> AlertInstance {
        var instance: AlertInstance
        if let before, before.state != .inactive {
            instance = before
            instance.matches += 1
        } else {
            instance = AlertInstance(
                labels: labels, state: .pending, activeSince: now, matches: 1, lastMatchAt: now, value: value)
        }
        instance.value = value
        instance.lastMatchAt = now
        if instance.state == .pending, isDue(instance, now) {
            instance.state = .firing
            instance.firedAt = now
        }
        return instance
    }

    private func isDue(_ instance: AlertInstance, _ now: Timestamp) -> Bool {
        if let forEvaluations { return instance.matches >= forEvaluations }
        return now - instance.activeSince >= holdFor ?? .zero
    }

    /// Whether the series has no data, as opposed to data that do not match.
    private func isMissing(_ labels: Labels, _ observation: RuleObservation) -> Bool {
        guard let present = observation.present else { return false }
        return !present.contains(labels)
    }

    private func missing(_ before: AlertInstance?, labels: Labels, _ now: Timestamp) -> AlertInstance? {
        switch (noData, before) {
        case (.keep, let before?): return before
        case (.alert, let before?):
            var instance: AlertInstance = matched(before, labels: labels, value: before.value, now)
            instance.value = before.value
            return instance
        case (.ok, let before?) where before.state == .firing && now - before.lastMatchAt < keepFiringFor: return before
        default: return nil
        }
    }

    private func unmatched(_ before: AlertInstance?, labels: Labels, _ observation: RuleObservation) -> AlertInstance? {
        if var before, before.state == .firing {
            let isHeld: Bool = observation.clearing.map { !$0.contains(labels) } ?? false
            let isKept: Bool = observation.at - before.lastMatchAt < keepFiringFor
            if isHeld || isKept {
                before.matches = 0
                return before
            }
        }
        guard noData == .alert else { return nil }
        return AlertInstance(
            labels: labels, state: .inactive, activeSince: observation.at, matches: 0, lastMatchAt: observation.at,
            value: 0)
    }

    private func transition(
        from before: AlertInstance?, to after: AlertInstance?, labels: Labels, at now: Timestamp
    ) -> AlertTransition? {
        let wasFiring: Bool = before?.state == .firing
        let isFiring: Bool = after?.state == .firing
        if isFiring, !wasFiring, let after {
            return AlertTransition(
                labels: labels, kind: .firing, at: now, value: after.value, activeSince: after.activeSince)
        }
        if wasFiring, !isFiring, let before {
            return AlertTransition(
                labels: labels, kind: .resolved, at: now, value: before.value, activeSince: before.activeSince)
        }
        return nil
    }
}
