import Telemetry

extension RetentionSpec {
    static let schema = ObjectSchema(
        [
            .required(
                "dataset", .choice(Dataset.allCases.map(\.rawValue)),
                "What is kept; one Retention without matchers per dataset."),
            .optional(
                "matchers", .matchers,
                "Conditions on labels, such as job=\"debug\", all of which hold: the Retention is about those alone."),
            .optional(
                "keep", .duration(.hours(1) ... .days(36500)),
                "For how long. Whole partitions are dropped once all of them is older."),
            .optional(
                "maxSize", .size((1 << 20)...mostBytes),
                "The most that the dataset takes on disk, such as 200GiB; above it the oldest partitions go at once."),
            .optional(
                "minFreeDisk", .size((1 << 20)...mostBytes),
                "Below this free space on the database's disk, such as 20GiB, the oldest partitions go at once."),
            .optional(
                "rollups", .object(rollupsSchema),
                "How long rollups are kept, by their width; those that are not named as long as keep says."),
            .optional(
                "sealAfter", .duration(.hours(1) ... .days(36500)),
                "How long after their day samples stay as they came, and SQL sees them; then they are sealed. Left out: 48h."
            ),
        ],
        rules: [
            .anyOf(["keep", "maxSize", "minFreeDisk"]), .atMostOne("matchers", "maxSize"),
            .atMostOne("matchers", "minFreeDisk"), .atMostOne("matchers", "rollups"),
            .only("rollups", where: "dataset", is: [Dataset.metrics.rawValue]),
            .atMostOne("matchers", "sealAfter"), .only("sealAfter", where: "dataset", is: [Dataset.metrics.rawValue]),
        ])

    private static let mostBytes = 1 << 52

    private static let rollupsSchema = ObjectSchema(
        RollupWidth.allCases.map { width in
            .optional(
                width.rawValue, .duration(.hours(1) ... .days(36500)), "How long rows of \(width.rawValue) are kept.")
        })

    init(_ spec: NormalFormReader) {
        let rollups: NormalFormReader = spec.object("rollups", Self.rollupsSchema)
        var kept: [RollupWidth: PromDuration] = [:]
        for width in RollupWidth.allCases where rollups.isPresent(width.rawValue) {
            kept[width] = rollups.duration(width.rawValue)
        }
        self.init(
            dataset: spec.choice("dataset"), matchers: spec.texts("matchers").compactMap { LabelMatcher($0) },
            keep: spec.isPresent("keep") ? spec.duration("keep") : nil,
            maxSize: spec.isPresent("maxSize") ? spec.integer("maxSize") : nil,
            minFreeDisk: spec.isPresent("minFreeDisk") ? spec.integer("minFreeDisk") : nil, rollups: kept,
            sealAfter: spec.isPresent("sealAfter") ? spec.duration("sealAfter") : nil)
    }
}
