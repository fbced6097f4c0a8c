import Telemetry

/// Functions of one window. Each gets a window of at least one sample and gives nil where it has no value.
enum RangeFunctions {
    /// The function, where it takes a range vector and nothing else.
    static func function(_ function: Function) -> ((Window) -> Double?)? {
        switch function {
        case .rate: { extrapolated($0, isCounter: true, isRate: true) }
        case .increase: { extrapolated($0, isCounter: true, isRate: false) }
        case .delta: { extrapolated($0, isCounter: false, isRate: false) }
        case .irate: { instantaneous($0, isRate: true) }
        case .idelta: { instantaneous($0, isRate: false) }
        case .deriv: { $0.count < 2 ? nil : regression($0, origin: $0.firstTime).slope }
        case .changes: { changes($0) }
        case .resets: { resets($0) }
        case .firstOverTime: { $0.first }
        case .lastOverTime: { $0.last }
        default: overTime(function)
        }
    }

    private static func overTime(_ function: Function) -> ((Window) -> Double?)? {
        switch function {
        case .avgOverTime:
            { window in
                var mean = CompensatedMean()
                for value in window.values { mean.add(value) }
                return mean.mean
            }
        case .sumOverTime:
            { window in
                var sum = CompensatedSum()
                for value in window.values { sum.add(value) }
                return sum.total
            }
        case .minOverTime: { $0.values.dropFirst().reduce($0.first) { $1 < $0 || $0.isNaN ? $1 : $0 } }
        case .maxOverTime: { $0.values.dropFirst().reduce($0.first) { $1 > $0 || $0.isNaN ? $1 : $0 } }
        case .countOverTime: { Double($0.count) }
        case .presentOverTime: { _ in 1 }
        case .stddevOverTime: { variance($0).squareRoot() }
        case .stdvarOverTime: { variance($0) }
        default: nil
        }
    }

    // MARK: Counters

    /// `rate`, `increase` and `delta`: the difference of the window's samples, extrapolated to the window's ends where
    /// they are near enough, and for counters never below zero (Prometheus' `extrapolatedRate`).
    private static func extrapolated(_ window: Window, isCounter: Bool, isRate: Bool) -> Double? {
        guard window.count > 1 else { return nil }
        return extrapolated(
            Ends(
                first: window.first, firstTime: window.firstTime, lastTime: window.lastTime, count: window.count,
                start: window.start, end: window.end),
            difference: isCounter ? counterIncrease(window) : window.last - window.first, isCounter: isCounter,
            isRate: isRate)
    }

    /// What extrapolating needs to know of a window of at least two samples.
    struct Ends {
        var first: Double
        var firstTime: Int64
        var lastTime: Int64
        var count: Int
        /// The window: after `start`, up to `end`.
        var start: Int64
        var end: Int64
    }

    static func extrapolated(_ ends: Ends, difference: Double, isCounter: Bool, isRate: Bool) -> Double {
        let sampled: Double = Double(ends.lastTime - ends.firstTime) / 1000
        let spacing: Double = sampled / Double(ends.count - 1)
        let threshold: Double = spacing * 1.1
        var toStart: Double = Double(ends.firstTime - ends.start) / 1000
        var toEnd: Double = Double(ends.end - ends.lastTime) / 1000
        if toStart >= threshold { toStart = spacing / 2 }
        if isCounter, difference > 0, ends.first >= 0 {
            // A counter was not below zero: how long ago would it have been zero at this rate?
            toStart = min(toStart, sampled * (ends.first / difference))
        }
        if toEnd >= threshold { toEnd = spacing / 2 }
        var factor: Double = (sampled + toStart + toEnd) / sampled
        if isRate { factor /= Double(ends.end - ends.start) / 1000 }
        return difference * factor
    }

    /// Last minus first, plus what each reset hid.
    private static func counterIncrease(_ window: Window) -> Double {
        var increase: Double = window.last - window.first
        var previous: Double = window.first
        for value in window.values.dropFirst() {
            if value < previous { increase += previous }
            previous = value
        }
        return increase
    }

    /// `irate` and `idelta`: the last two samples.
    private static func instantaneous(_ window: Window, isRate: Bool) -> Double? {
        guard window.count > 1 else { return nil }
        let place: Int = window.range.upperBound - 1
        let previous: Double = window.series.values[place - 1]
        let last: Double = window.series.values[place]
        let milliseconds: Int64 = window.series.times[place] - window.series.times[place - 1]
        guard milliseconds > 0 else { return nil }
        guard isRate else { return last - previous }
        return (last < previous ? last : last - previous) / (Double(milliseconds) / 1000)
    }

    private static func changes(_ window: Window) -> Double {
        var count = 0.0
        var previous: Double = window.first
        for value in window.values.dropFirst() {
            if value != previous, !(value.isNaN && previous.isNaN) { count += 1 }
            previous = value
        }
        return count
    }

    private static func resets(_ window: Window) -> Double {
        var count = 0.0
        var previous: Double = window.first
        for value in window.values.dropFirst() {
            if value < previous { count += 1 }
            previous = value
        }
        return count
    }

    private static func variance(_ window: Window) -> Double {
        var running = RunningVariance()
        for value in window.values { running.add(value) }
        return running.variance
    }

    // MARK: Regression

    /// The line of least squares through the window, its intercept at `origin`.
    static func regression(_ window: Window, origin: Int64) -> (slope: Double, intercept: Double) {
        var sums = (x: CompensatedSum(), y: CompensatedSum(), xy: CompensatedSum(), xx: CompensatedSum())
        var isConstant = true
        for index in window.range {
            let x: Double = Double(window.series.times[index] - origin) / 1000
            let y: Double = window.series.values[index]
            if y != window.first { isConstant = false }
            sums.x.add(x)
            sums.y.add(y)
            sums.xy.add(x * y)
            sums.xx.add(x * x)
        }
        if isConstant { return window.first.isInfinite ? (.nan, .nan) : (0, window.first) }
        let count = Double(window.count)
        let covariance: Double = sums.xy.total - sums.x.total * sums.y.total / count
        let variance: Double = sums.xx.total - sums.x.total * sums.x.total / count
        let slope: Double = covariance / variance
        return (slope, sums.y.total / count - slope * sums.x.total / count)
    }
}
