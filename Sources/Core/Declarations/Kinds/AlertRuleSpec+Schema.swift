import Telemetry

extension AlertRuleSpec {
    static let schema = ObjectSchema(
        [
            .required("expr", .expression, "PromQL. Each series of its result is an alert that is active."),
            .optional(
                "clear", .expression,
                "A second expression: a firing alert is kept until this one matches its labels (hysteresis)."),
            .optional(
                "for", .duration(.zero ... .days(365)), default: "0s",
                "How long an alert is pending before it fires. Not together with forEvaluations."),
            .optional(
                "forEvaluations", .integer(1...10_000), default: 1,
                "How many evaluations in a row must match before an alert fires. Not together with for."),
            .optional(
                "every", .duration(.seconds(1) ... .days(1)), default: "15s", "Time between two evaluations."),
            .optional(
                "keepFiringFor", .duration(.zero ... .days(365)), default: "0s",
                "How long an alert goes on firing after the expression stopped matching."),
            .optional(
                "noData", .choice(NoData.allCases.map(\.rawValue)), default: "ok",
                "What becomes of an alert whose series is gone: keep its state, ok (resolve), or alert."),
            .optional(
                "severity", .choice(Severity.allCases.map(\.rawValue)), default: "warning",
                "Becomes the label \"severity\"."),
            .optional(
                "labels",
                .map(
                    keys: .labelName(reserved: [
                        "alertname": "\"alertname\" is the rule's name",
                        "severity": "\"severity\" is set by the field severity",
                    ]), values: .labelValue),
                "Labels added to each alert."),
            .optional(
                "annotations", .map(keys: .labelName(), values: .template),
                "Texts for people, such as summary and description; {{ $labels.NAME }} and {{ $value }} are replaced."),
            .optional(
                "notifiers", .set(of: .reference(to: .notifier), atLeast: 0),
                "Names of Notifiers. Empty: every Notifier with default: true, else all."),
        ],
        rules: [.atMostOne("for", "forEvaluations")])

    init(_ spec: NormalFormReader) {
        self.init(
            expr: spec.text("expr"), clear: spec.optionalText("clear"),
            holdFor: spec.isPresent("for") ? spec.duration("for") : nil,
            forEvaluations: spec.isPresent("forEvaluations") ? spec.integer("forEvaluations") : nil,
            every: spec.duration("every"), keepFiringFor: spec.duration("keepFiringFor"),
            noData: spec.choice("noData"), severity: spec.choice("severity"), labels: spec.map("labels"),
            annotations: spec.map("annotations"), notifiers: spec.texts("notifiers"))
    }
}
