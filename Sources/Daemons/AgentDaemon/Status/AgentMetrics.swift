import Delivery
import Synchronization
import Telemetry

/// What the agent counts of itself.
final class AgentMetrics: Sendable {
    private let counters = Mutex<[Series: Double]>([:])

    private static let known: [Series] =
        [
            "retries_total", "send_failures_total", "log_cut_lines_total", "log_repaired_lines_total",
            "log_lost_bytes_total", "log_unreadable_files_total",
        ].map { Series("plumb_agent_\($0)") }
        + DeliveryQueue.Lane.allCases.flatMap { lane in
            ["sent_bytes_total", "sent_samples_total"].map { Series("plumb_agent_\($0)", ["lane": lane.rawValue]) }
        }

    private func count(_ name: String, _ labels: Labels = .none, by amount: Int = 1) {
        guard amount > 0 else { return }
        counters.withLock { $0[Series("plumb_agent_\(name)", labels), default: 0] += Double(amount) }
    }

    func collected(_ collector: String, failed: Bool) {
        count("collections_total", ["collector": collector])
        if failed { count("collection_failures_total", ["collector": collector]) }
    }
    func missedTicks(_ ticks: Int, collector: String) {
        count("missed_ticks_total", ["collector": collector], by: ticks)
    }
    func answered(_ status: Int) { count("requests_total", ["code": "\(status)"]) }
    func sent(bytes: Int, _ lane: DeliveryQueue.Lane) { count("sent_bytes_total", ["lane": lane.rawValue], by: bytes) }
    func sent(samples: Int, _ lane: DeliveryQueue.Lane) {
        count("sent_samples_total", ["lane": lane.rawValue], by: samples)
    }
    func retried() { count("retries_total") }
    func readLogLines(_ lines: Int, cut: Int, repaired: Int, source: String) {
        count("log_lines_total", ["source": source], by: lines)
        count("log_cut_lines_total", by: cut)
        count("log_repaired_lines_total", by: repaired)
    }
    func unreadableLogFile() { count("log_unreadable_files_total") }
    func lostLogBytes(_ bytes: Int) { count("log_lost_bytes_total", by: bytes) }
    func failed(at time: Timestamp) {
        count("send_failures_total")
        counters.withLock { $0[Series("plumb_agent_last_send_failure_timestamp_seconds")] = time.seconds }
    }

    /// All counters, those that never counted included where their labels are known: a counter that begins at 1 hides
    /// its first event from `rate()`.
    var values: [(series: Series, value: Double)] {
        let counted: [Series: Double] = counters.withLock { $0 }
        let absent: [Series] = Self.known.filter { counted[$0] == nil }
        return counted.map { ($0.key, $0.value) } + absent.map { ($0, 0) }
    }
}
