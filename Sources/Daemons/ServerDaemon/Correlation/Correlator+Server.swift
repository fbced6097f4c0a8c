import Database
import Declarations
import Telemetry

extension Correlator {
    /// The sources of this server.
    init(_ parts: ServerParts) {
        self.init(
            sources: [
                ([.alert], { [alerts = parts.alerts] question in try await Self.alerts(alerts, question) }),
                ([.host], { [statuses = parts.hostStatus] question in try await Self.hosts(statuses, question) }),
                (
                    [.commit, .drift],
                    { [reports = parts.reports] question in try await Self.reports(reports, question) }
                ),
                ([.log], { [logs = parts.logs] question in try await Self.logs(logs, question) }),
                ([.event], { [events = EventStore(pool: parts.pool)] in try await Self.events(events, $0) }),
            ],
            labels: { [frames = parts.frames] selection in try await frames.labels(of: [selection]) },
            load: { [frames = parts.frames] selection in try await frames.load([selection]).first ?? [] })
    }

    private static func alerts(_ store: AlertStore, _ question: CorrelationQuestion) async throws -> Section {
        let filter = AlertStore.HistoryFilter(
            from: question.span.from, to: question.span.to, host: question.host)
        let entries: [JSONValue] = try await store.history(filter, limit: question.limit + 1)
        return Section(
            items: entries.prefix(question.limit).compactMap(TimelineItem.init(alert:)),
            isTruncated: entries.count > question.limit)
    }

    private static func hosts(_ store: HostStatusStore, _ question: CorrelationQuestion) async throws -> Section {
        let changes: [HostStatusStore.Change] = try await store.changes(
            from: question.span.from, to: question.span.to, host: question.host, limit: question.limit + 1)
        return Section(
            items: changes.prefix(question.limit).map(TimelineItem.init), isTruncated: changes.count > question.limit)
    }

    private static func reports(_ store: ReportStore, _ question: CorrelationQuestion) async throws -> Section {
        let reports: [JSONValue] = try await store.withNews(
            from: question.span.from, to: question.span.to, limit: question.limit + 1)
        let items: [TimelineItem] = reports.prefix(question.limit).flatMap {
            TimelineItem.items(report: $0, host: question.host)
        }
        return Section(
            items: Array(items.prefix(question.limit)),
            isTruncated: reports.count > question.limit || items.count > question.limit)
    }
}
