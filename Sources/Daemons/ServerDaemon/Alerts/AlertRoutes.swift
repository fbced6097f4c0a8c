import Alerting
import ConfigAPIServer
import Database
import Declarations
import Hummingbird
import StoreService
import Telemetry

/// `GET /api/v1/alerts` in Prometheus' form, `GET /api/v1/alerts/history` and the delivery log, `GET /api/v1/notifications`.
struct AlertRoutes: RouteGroup {
    let alerts: AlertStore
    let outbox: Outbox
    let live: LiveConfig

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1", requiring: .query)
            .get("alerts") { _, _ in Response.json(try await present()) }
            .get("alerts/history") { request, _ in
                try await history(QueryParameters(request.uri.query ?? ""))
            }
            .get("notifications") { request, _ in
                let limit: Int = try request.integerParameter("limit", in: 1...1000) ?? 100
                return Response.json(["notifications": .array(try await outbox.log(limit: limit))])
            }
    }

    /// Transitions from the newest, by pages: `before` is the last id of the page before.
    private func history(_ parameters: QueryParameters) async throws -> Response {
        do {
            let limit: Int = min(max(1, try parameters.limit() ?? 100), 1000)
            let before: Int? = try parameters["before"].map { text in
                guard let id = Int(text) else { throw BadParameter("before", "\"\(text)\" is no id") }
                return id
            }
            let filter = AlertStore.HistoryFilter(
                from: try parameters.time("from"), to: try parameters.time("to"), before: before,
                host: parameters["host"])
            return .json(["history": .array(try await alerts.history(filter, limit: limit))])
        } catch let error as BadParameter { throw HTTPProblem(.badRequest, error.description) }
    }

    private func present() async throws -> JSONValue {
        let running: RunningConfig? = await live.running
        var items: [JSONValue] = []
        for (name, instances) in try await alerts.alerts().sorted(by: { $0.key < $1.key }) {
            let rule: RunningRule? = running?.alertRule(name)
            for instance in instances where instance.state != .inactive {
                items.append(json(instance, name, rule))
            }
        }
        return PrometheusJSON.success(["alerts": .array(items)])
    }

    private func json(_ instance: AlertInstance, _ name: String, _ rule: RunningRule?) -> JSONValue {
        var labels: [String: String] = instance.labels.dictionary
        labels.merge(rule?.spec.labels ?? [:]) { _, own in own }
        labels["alertname"] = name
        labels["severity"] = rule?.spec.severity.rawValue
        let annotations: [String: String] = (rule?.spec.annotations ?? [:]).mapValues {
            filled($0, labels: instance.labels, value: instance.value)
        }
        return .object(compacting: [
            "labels": labels.json, "annotations": annotations.json, "state": .string(instance.state.rawValue),
            "activeAt": .time(instance.activeSince), "value": .string(PrometheusJSON.text(instance.value)),
            "source": rule?.source,
        ])
    }
}
