import HTTPTypes
import Runtime
import Synchronization
import Telemetry

/// What counts answers, found without making its labels anew for each.
final class AnswerInstruments: Sendable {
    private struct Key: Hashable {
        var method: HTTPRequest.Method
        var route: String
        var status: Int
    }

    private let metrics: MetricsRegistry
    private let known = Mutex<[Key: (CounterInstrument, HistogramInstrument)]>([:])

    /// A client chooses the method: more than these are made anew each time, and the registry refuses them in the end.
    private static let most = 1000

    init(metrics: MetricsRegistry) { self.metrics = metrics }

    func of(method: HTTPRequest.Method, route: String, status: Int) -> (CounterInstrument, HistogramInstrument) {
        let key = Key(method: method, route: route, status: status)
        if let found = known.withLock({ $0[key] }) { return found }
        let made = (
            metrics.counter(
                "plumb_http_requests_total", "Requests answered.",
                labels: ["method": method.rawValue, "route": route, "status": "\(status)"]),
            metrics.histogram(
                "plumb_http_request_seconds", "Time to the answer's first byte.", labels: ["route": route])
        )
        known.withLock { if $0.count < Self.most { $0[key] = made } }
        return made
    }
}
