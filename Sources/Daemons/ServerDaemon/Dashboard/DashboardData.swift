import Alerting
import ConfigAPI
import Database
import Declarations
import Telemetry

/// What the pages show, as the rest of the server knows it. A closure per question, so that pages are tested without
/// a database.
struct DashboardData: Sendable {
    var hosts: @Sendable () async throws -> [KnownHost]
    var alerts: @Sendable () async throws -> [DashboardAlert]
    /// Stored reports, newest first.
    var reports: @Sendable (_ limit: Int) async throws -> [JSONValue]
    var report: @Sendable (_ id: String) async throws -> JSONValue?
    /// Branches that are planned and not enforced.
    var plans: @Sendable () async throws -> [PlannedBranches] = { [] }
    var config: @Sendable () async throws -> ConfigSnapshot
    /// Log lines that a search finds, and whether there are more.
    var logs: @Sendable (LogQuery) async throws -> (lines: [StoredLogLine], hasMore: Bool) = { _ in ([], false) }
    /// A range query: per `host` label the values at equal steps from `from` to `to`, nil where there is none.
    var chart:
        @Sendable (_ query: String, _ from: Timestamp, _ to: Timestamp, _ step: PromDuration) async throws
            -> [String: [Double?]]
    var events: @Sendable (_ now: Timestamp) async throws -> EventsOverview = { _ in EventsOverview() }
    var around: @Sendable (_ question: CorrelationQuestion) async -> Correlation
}

/// One alert that is pending or firing.
struct DashboardAlert: Sendable {
    var rule: String
    var severity: String
    var instance: AlertInstance
    var summary: String?
    var source: ResourceSource?
}

/// The metrics that every host shows.
struct HostChart: Sendable {
    var label: String
    /// PromQL with `$host` where the matcher of one host goes.
    var query: String
    var unit: Wording.Unit
    var least: ClosedRange<Double>?

    /// The query for one host, or for all of them.
    func query(host: String?) -> String {
        let matcher: String = host.map { "host=\"\(Self.escaped($0))\"" } ?? "host!=\"\""
        return query.replacing("$host", with: matcher)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    static let fleet: [HostChart] = [
        HostChart(
            label: "CPU", query: "100 * (1 - avg by (host) (rate(node_cpu_seconds_total{mode=\"idle\",$host}[1m])))",
            unit: .percent, least: 0...10),
        HostChart(
            label: "Memory",
            query:
                "100 * (1 - sum by (host) (node_memory_MemAvailable_bytes{$host}) / sum by (host) (node_memory_MemTotal_bytes{$host}))",
            unit: .percent, least: 0...10),
        HostChart(
            label: "Network", query: "sum by (host) (rate(node_network_receive_bytes_total{$host}[1m]))",
            unit: .bytesPerSecond, least: 0...1024),
        HostChart(label: "Load", query: "sum by (host) (node_load1{$host})", unit: .plain, least: 0...1),
    ]

    static let detail: [HostChart] =
        fleet + [
            HostChart(
                label: "Sent", query: "sum by (host) (rate(node_network_transmit_bytes_total{$host}[1m]))",
                unit: .bytesPerSecond, least: 0...1024),
            HostChart(
                label: "Disk read", query: "sum by (host) (rate(node_disk_read_bytes_total{$host}[1m]))",
                unit: .bytesPerSecond, least: 0...1024),
            HostChart(
                label: "Disk written", query: "sum by (host) (rate(node_disk_written_bytes_total{$host}[1m]))",
                unit: .bytesPerSecond, least: 0...1024),
            HostChart(
                label: "Fullest file system",
                query:
                    "100 * max by (host) (1 - node_filesystem_avail_bytes{$host} / node_filesystem_size_bytes{$host})",
                unit: .percent, least: 0...100),
        ]
}
