import Alerting
import ConfigAPI
import Database
import Declarations
import PromQL
import StoreService
import Telemetry

extension DashboardData {
    /// The data of this server.
    init(_ parts: ServerParts) {
        let queries: QueryEngine = parts.queries
        self.init(
            hosts: { [hosts = parts.hosts] in try await hosts.hosts() },
            alerts: { [alerts = parts.alerts, live = parts.live] in
                DashboardAlert.all(try await alerts.alerts(), await live.running)
            },
            reports: { [reports = parts.reports] limit in try await reports.list(limit: limit) },
            report: { [reports = parts.reports] id in
                guard let id = ULID(id) else { return nil }
                return try await reports.report(id)
            },
            plans: { [previews = PreviewStore(pool: parts.pool)] in
                try await previews.all().map { entry in
                    PlannedBranches(
                        source: entry.source, previews: entry.set["previews"]?.array ?? [],
                        leftOff: (entry.set["leftOff"]?.array ?? []).compactMap(\.string))
                }
            },
            config: { [store = parts.configStore] in
                var snapshot: ConfigSnapshot = try await store.snapshot()
                for index in snapshot.resources.indices {
                    let resource: StoredResource = snapshot.resources[index]
                    snapshot.resources[index].spec = parts.redact(resource.spec, resource.key.kind)
                }
                return snapshot
            },
            logs: { [logs = parts.logs] query in try await LogSearch.found(query, logs) },
            chart: { query, from, to, step in try await queries.chart(query, from: from, to: to, step: step) },
            events: { [pool = parts.pool] now in
                try await EventsOverview(events: EventStore(pool: pool), pipelines: PipelineStore(pool: pool), now: now)
            },
            around: { [correlator = Correlator(parts)] question in await correlator.answer(question) })
    }
}

extension DashboardAlert {
    /// What is pending or fires, firing first, then the longest.
    static func all(_ alerts: [String: [AlertInstance]], _ running: RunningConfig?) -> [DashboardAlert] {
        let active: [DashboardAlert] = alerts.flatMap { name, instances in
            let rule: RunningRule? = running?.alertRule(name)
            return instances.filter { $0.state != .inactive }.map { instance in
                let summary: String? = rule?.spec.annotations["summary"].map {
                    filled($0, labels: instance.labels, value: instance.value)
                }
                return DashboardAlert(
                    rule: name, severity: rule?.spec.severity.rawValue ?? "", instance: instance, summary: summary,
                    source: running?.resource(ResourceKey(.alertRule, name))?.source)
            }
        }
        return active.sorted {
            ($0.instance.state == .firing ? 0 : 1, $0.instance.activeSince, $0.rule)
                < ($1.instance.state == .firing ? 0 : 1, $1.instance.activeSince, $1.rule)
        }
    }
}

extension QueryEngine {
    /// A range query as rows of equally spaced points by host.
    func chart(
        _ query: String, from: Timestamp, to: Timestamp, step: PromDuration
    ) async throws -> [String: [Double?]] {
        let range = try QueryRange(from: from, through: to, step: step)
        guard case .matrix(let series) = try await evaluate(try PromQL.parse(query), over: range) else { return [:] }
        let count = Int((to - from).milliseconds / step.milliseconds) + 1
        var rows: [String: [Double?]] = [:]
        for item in series {
            var points: [Double?] = Array(repeating: nil, count: count)
            for sample in item.samples {
                let index = Int((sample.time - from).milliseconds / step.milliseconds)
                if points.indices.contains(index) { points[index] = sample.value }
            }
            rows[item.labels["host"] ?? ""] = points
        }
        return rows
    }
}
