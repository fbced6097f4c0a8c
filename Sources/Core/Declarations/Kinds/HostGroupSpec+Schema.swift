import Telemetry

extension HostGroupSpec {
    static let schema = ObjectSchema(
        [
            .required(
                "hosts", .set(of: .hostGlob, atLeast: 1),
                "Host names or shell globs. A plain name is expected: it is down even if it never reported."),
            .optional(
                "labels",
                .map(
                    keys: .labelName(
                        reserved: ["host": "\"host\" is the host's own name"],
                        reservedPrefix: ("fact_", "the prefix \"fact_\" is for facts that agents report")),
                    values: .labelValue),
                "Labels that the members get, for the selectors of collectors."),
            .optional(
                "staleAfter", .duration(.seconds(1) ... .days(30)), default: "20s",
                "A member that was silent for longer is stale."),
            .optional(
                "downAfter", .duration(.seconds(1) ... .days(30)), default: "50s",
                "A member that was silent for longer is down; longer than staleAfter."),
        ],
        rules: [.longer("downAfter", than: "staleAfter")])

    init(_ spec: NormalFormReader) {
        self.init(
            hosts: spec.texts("hosts"), labels: spec.map("labels"), staleAfter: spec.duration("staleAfter"),
            downAfter: spec.duration("downAfter"))
    }
}
