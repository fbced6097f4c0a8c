import Telemetry

extension ScrapeTargetSpec {
    static let schema = ObjectSchema(
        [
            .required(
                "url", .text(.scrapeURL), "The address of the metrics: http or https, without user name and password."),
            .required("interval", .duration(.seconds(1) ... .days(1)), "Time between two scrapes."),
            .optional(
                "timeout", .duration(.milliseconds(100) ... .days(1)),
                "How long an answer may take, at most the interval. Left out: 10s, or the interval where that is shorter."
            ),
            .optional("hosts", .object(HostSelector.schema), "On which hosts agents scrape; left out, on every host."),
            .optional(
                "labels",
                .map(keys: .labelName(reserved: ["host": "\"host\" is the host's own name"]), values: .labelValue),
                "Labels added to every series; what the target exposes under such a name is kept as exported_NAME."),
            .optional(
                "sampleLimit", .integer(1...100_000), default: .integer(usualSampleLimit),
                "Series after relabelling; a scrape with more is refused as a whole."),
            .optional(
                "bodyLimit", .integer(1024...(256 << 20)), default: .integer(usualBodyLimit),
                "Bytes of the answer after decompression; a longer one is refused as a whole."),
            .optional(
                "relabel", .list(of: .object(RelabelRule.schema)),
                "Rules that change, keep or drop series, in this order: Prometheus' metric_relabel_configs."),
        ],
        rules: [.notLonger("timeout", than: "interval")])

    init(_ spec: NormalFormReader) {
        let interval: PromDuration = spec.duration("interval")
        self.init(
            url: spec.text("url"), interval: interval,
            timeout: spec.isPresent("timeout") ? spec.duration("timeout") : min(interval, Self.usualTimeout),
            hosts: HostSelector(spec.object("hosts", HostSelector.schema)), labels: spec.map("labels"),
            sampleLimit: spec.integer("sampleLimit"), bodyLimit: spec.integer("bodyLimit"),
            relabel: spec.objects("relabel", RelabelRule.schema).map(RelabelRule.init))
    }
}

extension RelabelRule {
    static let schema = ObjectSchema(
        [
            .optional(
                "action", .choice(Action.allCases.map(\.rawValue)), default: "replace",
                "keep and drop decide over the series, replace sets a label, labelmap copies labels to other names, "
                    + "labeldrop and labelkeep take labels away."),
            .optional(
                "sourceLabels", .list(of: .text(.relabelSource)),
                "Labels whose values, joined by the separator, the regex is held against; __name__ is the metric's name."
            ),
            .optional(
                "separator", .text(TextRule("a text", longest: 16)), default: ";", "Between the values of sourceLabels."
            ),
            .optional(
                "regex", .text(.regularExpression), default: "(.*)",
                "A regular expression in RE2's syntax, anchored at both ends."),
            .optional(
                "targetLabel", .text(TextRule("a label name", longest: 100)),
                "Only for replace: the label that is set; may hold $1."),
            .optional(
                "replacement", .text(TextRule("a text", longest: 1024)), default: "$1",
                "For replace the label's value, for labelmap its name; $1 is what the first group matched."),
        ],
        rules: [
            .only("targetLabel", where: "action", is: ["replace"]),
            .only("replacement", where: "action", is: ["replace", "labelmap"]),
            .needs("targetLabel", where: "action", is: ["replace"]),
        ])

    init(_ rule: NormalFormReader) {
        self.init(
            action: rule.choice("action"), sourceLabels: rule.texts("sourceLabels"),
            separator: rule.text("separator"), regex: rule.text("regex"),
            targetLabel: rule.optionalText("targetLabel"), replacement: rule.text("replacement"))
    }
}
