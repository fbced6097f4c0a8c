/// A resource's spec as a typed value, with its defaults filled in.
///
/// Behind one reference, because specs are large and are passed on by the ten thousand.
package indirect enum Spec: Hashable, Sendable {
    case hostGroup(HostGroupSpec)
    case notifier(NotifierSpec)
    case retention(RetentionSpec)
    case alertRule(AlertRuleSpec)
    case statusPage(StatusPageSpec)
    case collector(CollectorSpec)
    case pipeline(PipelineSpec)
    case logSource(LogSourceSpec)
    case scrapeTarget(ScrapeTargetSpec)
    case unit(UnitSpec)
}

extension Spec {
    /// The typed spec of a normal form that the kind's schema made.
    init(kind: ResourceKind, normalForm: JSONValue) {
        let reader = NormalFormReader(normalForm, kind.schema)
        switch kind {
        case .hostGroup: self = .hostGroup(HostGroupSpec(reader))
        case .notifier: self = .notifier(NotifierSpec(reader))
        case .retention: self = .retention(RetentionSpec(reader))
        case .alertRule: self = .alertRule(AlertRuleSpec(reader))
        case .statusPage: self = .statusPage(StatusPageSpec(reader))
        case .collector: self = .collector(CollectorSpec(reader))
        case .pipeline: self = .pipeline(PipelineSpec(reader))
        case .logSource: self = .logSource(LogSourceSpec(reader))
        case .scrapeTarget: self = .scrapeTarget(ScrapeTargetSpec(reader))
        case .unit: self = .unit(UnitSpec(reader))
        }
    }
}

/// The resources that a spec names, each of which must be declared: it is applied after them and deleted before them.
package func references(of spec: Spec) -> [ResourceKey] {
    switch spec {
    case .alertRule(let rule): rule.notifiers.map { ResourceKey(.notifier, $0) }
    case .collector(let collector): collector.hosts.groups.map { ResourceKey(.hostGroup, $0) }
    case .logSource(let source): source.hosts.groups.map { ResourceKey(.hostGroup, $0) }
    case .scrapeTarget(let target): target.hosts.groups.map { ResourceKey(.hostGroup, $0) }
    case .unit(let unit): unit.restartOn
    case .hostGroup, .notifier, .retention, .statusPage, .pipeline: []
    }
}

extension ResourceKind {
    /// What a spec of this kind holds.
    package var schema: ObjectSchema {
        switch self {
        case .hostGroup: HostGroupSpec.schema
        case .notifier: NotifierSpec.schema
        case .retention: RetentionSpec.schema
        case .alertRule: AlertRuleSpec.schema
        case .statusPage: StatusPageSpec.schema
        case .collector: CollectorSpec.schema
        case .pipeline: PipelineSpec.schema
        case .logSource: LogSourceSpec.schema
        case .scrapeTarget: ScrapeTargetSpec.schema
        case .unit: UnitSpec.schema
        }
    }

    /// One sentence for editors.
    package var summary: String {
        switch self {
        case .hostGroup: "Hosts that belong together, their labels, and when silence is an event."
        case .notifier: "Where notifications go."
        case .retention: "How long a dataset is kept."
        case .alertRule: "When to alert, and whom to tell."
        case .statusPage: "What a public status page shows, and the queries that say what is up."
        case .collector: "What agents collect from their hosts, how often, and on which hosts."
        case .pipeline: "Where application events come from, and how their documents become events."
        case .logSource: "Which files agents read log lines from, and on which hosts."
        case .scrapeTarget: "Which pages of metrics agents read, how often, and what becomes of their series."
        case .unit: "A shipped systemd unit: whether it is enabled and runs, and a few of its settings."
        }
    }
}
