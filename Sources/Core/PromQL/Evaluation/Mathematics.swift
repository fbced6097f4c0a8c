import Glibc

/// The functions of the C library that PromQL needs; the one place of the core that asks it for them.
enum Mathematics {
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
    static func remainder(_ left: Double, _ right: Double) -> Double { fmod(left, right) }
    static func arcTangent(_ y: Double, _ x: Double) -> Double { atan2(y, x) }

    /// The function of one number that `function` is; nil for all others.
    static func unary(_ function: Function) -> ((Double) -> Double)? {
        switch function {
        case .abs: { Swift.abs($0) }
        case .ceil: { $0.rounded(.up) }
        case .floor: { $0.rounded(.down) }
        case .exp: { Glibc.exp($0) }
        case .ln: { log($0) }
        case .log2: { Glibc.log2($0) }
        case .log10: { Glibc.log10($0) }
        case .sqrt: { $0.squareRoot() }
        case .sgn: { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
        case .deg: { $0 * 180 / .pi }
        case .rad: { $0 * .pi / 180 }
        default: trigonometric(function)
        }
    }

    private static func trigonometric(_ function: Function) -> ((Double) -> Double)? {
        switch function {
        case .acos: { Glibc.acos($0) }
        case .acosh: { Glibc.acosh($0) }
        case .asin: { Glibc.asin($0) }
        case .asinh: { Glibc.asinh($0) }
        case .atan: { Glibc.atan($0) }
        case .atanh: { Glibc.atanh($0) }
        case .cos: { Glibc.cos($0) }
        case .cosh: { Glibc.cosh($0) }
        case .sin: { Glibc.sin($0) }
        case .sinh: { Glibc.sinh($0) }
        case .tan: { Glibc.tan($0) }
        case .tanh: { Glibc.tanh($0) }
        default: nil
        }
    }
}

/// A sum that keeps the digits that rounding loses (Kahan's, with Neumaier's improvement), as Prometheus sums.
struct CompensatedSum {
    var sum = 0.0
    var compensation = 0.0

    var total: Double { sum + compensation }

    mutating func add(_ term: Double) {
        let next: Double = sum + term
        if next.isInfinite {
            compensation = 0
        } else if Swift.abs(sum) >= Swift.abs(term) {
            compensation += (sum - next) + term
        } else {
            compensation += (term - next) + sum
        }
        sum = next
    }
}

/// A mean that does not overflow where its sum would.
struct CompensatedMean {
    private var sum = CompensatedSum()
    private var count = 0.0
    private var isIncremental = false

    mutating func add(_ term: Double) {
        count += 1
        if !isIncremental {
            var next: CompensatedSum = sum
            next.add(term)
            if count == 1 || !next.sum.isInfinite {
                sum = next
                return
            }
            isIncremental = true
            sum.sum /= count - 1
            sum.compensation /= count - 1
        }
        let weight: Double = (count - 1) / count
        sum.sum *= weight
        sum.compensation *= weight
        sum.add(term / count)
    }

    var mean: Double { isIncremental ? sum.total : sum.sum / count + sum.compensation / count }
}

/// Welford's running variance.
struct RunningVariance {
    private var count = 0.0
    private var mean = CompensatedSum()
    private var squares = CompensatedSum()

    mutating func add(_ term: Double) {
        count += 1
        let delta: Double = term - mean.total
        mean.add(delta / count)
        squares.add(delta * (term - mean.total))
    }

    var variance: Double { squares.total / count }
}

/// The φ-quantile with linear interpolation; NaN counts as smallest.
func quantile(_ q: Double, of values: some Sequence<Double>) -> Double {
    let sorted: [Double] = values.sorted { $0.isNaN ? !$1.isNaN : $0 < $1 }
    guard !sorted.isEmpty, !q.isNaN else { return .nan }
    if q < 0 { return -.infinity }
    if q > 1 { return .infinity }
    let rank: Double = q * Double(sorted.count - 1)
    let lower: Int = max(0, Int(rank.rounded(.down)))
    let upper: Int = min(sorted.count - 1, lower + 1)
    let weight: Double = rank - rank.rounded(.down)
    return sorted[lower] * (1 - weight) + sorted[upper] * weight
}
