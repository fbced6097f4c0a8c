import Telemetry

extension RetentionSpec {
    static let schema = ObjectSchema([
        .required("dataset", .choice(Dataset.allCases.map(\.rawValue)), "What is kept; one Retention per dataset."),
        .required(
            "keep", .duration(.hours(1) ... .days(36500)),
            "For how long. Whole partitions are dropped once all of them is older."),
    ])

    init(_ spec: NormalFormReader) { self.init(dataset: spec.choice("dataset"), keep: spec.duration("keep")) }
}
