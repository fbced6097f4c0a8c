import Alerting
import ConfigAPI
import Database
import Declarations
import PromQL
import StoreService
import Telemetry

extension AlertEngineDependencies {
    /// The engine in this server: rules as they run, values from the frames, health on the board.
    init(_ parts: ServerParts) {
        let queries: QueryEngine = parts.queries
        let rules = DerivedConfig { $0.alertRules(after: $1) }
        self.init(
            rules: { [live = parts.live] in await live.running.map(rules.of) },
            notifiers: parts.notifiers,
            observe: { spec, now in try await queries.observe(spec, at: now) },
            reportProblems: { [health = parts.health] problems in
                let states = problems.map { name, problem in
                    (ResourceKey(.alertRule, name), StoredResource.Health(state: .failing, message: problem))
                }
                health.report(Dictionary(states) { first, _ in first }, by: "alerts")
            },
            now: parts.clock)
    }
}

extension RunningConfig {
    /// The alert rules with where they come from, in order of name. What did not change since the last ones is taken
    /// over from them: a rule is large, and there can be ten thousand.
    func alertRules(after last: DerivedConfig<[RunningRule]>.Made?) -> [RunningRule] {
        let before: [RunningResource] = last?.running.resources(of: .alertRule) ?? []
        var place = 0
        return resources(of: .alertRule).compactMap { resource in
            while place < before.count, !before[place].isIdentical(to: resource), before[place].key < resource.key {
                place += 1
            }
            if let last, place < before.count, before[place].isIdentical(to: resource) {
                defer { place += 1 }
                return last.value[place]
            }
            return RunningRule(resource)
        }
    }

    func alertRule(_ name: String) -> RunningRule? {
        resource(ResourceKey(.alertRule, name)).flatMap { RunningRule($0) }
    }
}

extension RunningRule {
    fileprivate init?(_ resource: RunningResource) {
        guard case .alertRule(let spec) = resource.decoded.spec else { return nil }
        self.init(name: resource.key.name, spec: spec, source: resource.source?.json)
    }
}

extension QueryEngine {
    /// What a rule's expressions give at one instant.
    func observe(_ spec: AlertRuleSpec, at now: Timestamp) async throws -> RuleObservation {
        let expression: Expression = try PromQL.parse(spec.expr)
        var observation = RuleObservation(at: now, matching: [:], present: nil)
        for element in try await vector(expression, at: now, limits: .rule) {
            observation.matching[element.labels.withoutName] = element.sample.value
        }
        if let clear = spec.clear {
            observation.clearing = try await labelSets(try PromQL.parse(clear), at: now)
        }
        // Without a policy for missing data and without hysteresis it makes no difference why a series does not match.
        if spec.noData != .ok || spec.clear != nil, let unfiltered = expression.unfiltered {
            observation.present = try await labelSets(unfiltered, at: now)
        }
        return observation
    }

    private func labelSets(_ expression: Expression, at now: Timestamp) async throws -> Set<Labels> {
        Set(try await vector(expression, at: now, limits: .rule).map(\.labels.withoutName))
    }
}

extension Labels {
    fileprivate var withoutName: Labels { removing([metricNameLabel]) }
}
