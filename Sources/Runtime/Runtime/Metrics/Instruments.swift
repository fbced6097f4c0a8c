import Synchronization
import Telemetry

/// Something that shows up in the exposition.
protocol ExposedInstrument: AnyObject, Sendable {
    func lines(name: String, labels: Labels) -> [String]
}

/// Counts what happened; only grows.
package final class CounterInstrument: ExposedInstrument {
    private let total = Mutex(0.0)

    package init() {}
    package func increment(by amount: Double = 1) { if amount > 0 { total.withLock { $0 += amount } } }
    package func reset() { total.withLock { $0 = 0 } }
    package var value: Double { total.withLock { $0 } }

    func lines(name: String, labels: Labels) -> [String] { ["\(name)\(labels) \(metricText(value))\n"] }
}

/// What is so now.
package final class GaugeInstrument: ExposedInstrument {
    private let present = Mutex(0.0)

    package init() {}
    package func set(_ value: Double) { present.withLock { $0 = value } }
    package func add(_ amount: Double) { present.withLock { $0 += amount } }
    package var value: Double { present.withLock { $0 } }

    func lines(name: String, labels: Labels) -> [String] { ["\(name)\(labels) \(metricText(value))\n"] }
}

/// How values are distributed over buckets.
package final class HistogramInstrument: ExposedInstrument {
    /// From a millisecond to ten seconds: what requests and evaluations take.
    package static let seconds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct State {
        var counts: [Int]
        var sum = 0.0
    }

    private let buckets: [Double]
    private let state: Mutex<State>

    package init(buckets: [Double] = HistogramInstrument.seconds) {
        self.buckets = buckets.sorted()
        state = Mutex(State(counts: Array(repeating: 0, count: buckets.count + 1)))
    }

    package func observe(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket: Int = buckets.firstIndex { value <= $0 } ?? buckets.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    package func observe(_ duration: Duration) { observe(duration.inSeconds) }

    package var count: Int { state.withLock { $0.counts.reduce(0, +) } }

    func lines(name: String, labels: Labels) -> [String] {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var lines: [String] = []
        var running = 0
        for (bound, count) in zip(buckets + [.infinity], counts) {
            running += count
            lines.append("\(name)_bucket\(labels.setting("le", to: metricText(bound))) \(running)\n")
        }
        return lines + ["\(name)_sum\(labels) \(metricText(sum))\n", "\(name)_count\(labels) \(running)\n"]
    }
}

/// A number as Prometheus writes it.
func metricText(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
    return "\(value)"
}
