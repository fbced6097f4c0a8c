/// The functions that are known; the raw value is the name in queries.
enum Function: String, Hashable, Sendable, CaseIterable {
    case abs, ceil, exp, floor, ln, log10, log2, sgn, sqrt, deg, rad
    case acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan, tanh
    case clamp, round
    case clampMax = "clamp_max"
    case clampMin = "clamp_min"

    case absent
    case absentOverTime = "absent_over_time"
    case avgOverTime = "avg_over_time"
    case changes
    case countOverTime = "count_over_time"
    case delta, deriv, idelta, increase, irate, rate, resets
    case firstOverTime = "first_over_time"
    case lastOverTime = "last_over_time"
    case maxOverTime = "max_over_time"
    case minOverTime = "min_over_time"
    case predictLinear = "predict_linear"
    case presentOverTime = "present_over_time"
    case quantileOverTime = "quantile_over_time"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case sumOverTime = "sum_over_time"

    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
    case hour, minute, month, year

    case histogramQuantile = "histogram_quantile"

    case labelJoin = "label_join"
    case labelReplace = "label_replace"
    case scalar, sort, time, timestamp, vector, pi
    case sortDescending = "sort_desc"

    /// What a function takes and gives.
    struct Signature: Sendable {
        var required: [ValueType]
        var optional: [ValueType] = []
        /// Whether the last of `optional` may come any number of times.
        var repeats = false
        var result: ValueType = .vector
    }

    var signature: Signature {
        switch self {
        case .abs, .ceil, .exp, .floor, .ln, .log10, .log2, .sgn, .sqrt, .deg, .rad, .acos, .acosh, .asin, .asinh,
            .atan, .atanh, .cos, .cosh, .sin, .sinh, .tan, .tanh, .absent, .sort, .sortDescending, .timestamp:
            Signature(required: [.vector])
        case .clamp: Signature(required: [.vector, .scalar, .scalar])
        case .clampMax, .clampMin: Signature(required: [.vector, .scalar])
        case .round: Signature(required: [.vector], optional: [.scalar])
        case .absentOverTime, .avgOverTime, .changes, .countOverTime, .delta, .deriv, .idelta, .increase, .irate,
            .rate, .resets, .firstOverTime, .lastOverTime, .maxOverTime, .minOverTime, .presentOverTime,
            .stddevOverTime, .stdvarOverTime, .sumOverTime:
            Signature(required: [.matrix])
        case .predictLinear: Signature(required: [.matrix, .scalar])
        case .quantileOverTime: Signature(required: [.scalar, .matrix])
        case .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth, .hour, .minute, .month, .year:
            Signature(required: [], optional: [.vector])
        case .histogramQuantile: Signature(required: [.scalar, .vector])
        case .labelJoin:
            Signature(required: [.vector, .string, .string], optional: [.string], repeats: true)
        case .labelReplace: Signature(required: [.vector, .string, .string, .string, .string])
        case .scalar: Signature(required: [.vector], result: .scalar)
        case .time, .pi: Signature(required: [], result: .scalar)
        case .vector: Signature(required: [.scalar])
        }
    }
}
