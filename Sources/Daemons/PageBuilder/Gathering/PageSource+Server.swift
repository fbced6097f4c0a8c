import Declarations
package import PlatformClient
import Runtime
import Telemetry

extension PageSource {
    /// The data of a running server, over its API; a token of scope `query` is enough.
    package static func server(_ client: ServerClient) -> PageSource {
        PageSource(
            pages: {
                let answer: JSONValue = try await client.json(.get, "/api/v1/status-pages")
                return try (answer["pages"]?.array ?? []).map(Self.page)
            },
            values: { query, from, to in try await values(client, query, from, to) },
            history: { from, to in try await history(client, from, to) },
            firing: {
                let answer: JSONValue = try await client.json(.get, "/api/v1/alerts")
                return (answer["data"]?["alerts"]?.array ?? []).compactMap(AlertEvent.init(firing:))
            },
            hosts: {
                let answer: JSONValue = try await client.json(.get, "/api/v1/hosts")
                return (answer["hosts"]?.array ?? []).map { host in
                    HostSummary.Host(
                        name: host["host"]?.string ?? "", status: host["status"]?.string ?? "unknown")
                }
            },
            reports: {
                let answer: JSONValue = try await client.json(.get, "/api/v1/reports", query: [("limit", "50")])
                return answer["reports"]?.array ?? []
            })
    }

    private static func page(_ json: JSONValue) throws -> (name: String, spec: StatusPageSpec) {
        let reader = try JSONObjectReader(json)
        let name: String = try reader.string("name")
        let decoded = ResourceDecoder(sha256: Digests.sha256, checkExpression: { _ in nil })
            .resource(kind: .statusPage, name: name, spec: try reader.required("spec"))
        guard case .success(let resource) = decoded, case .statusPage(let spec) = resource.spec else {
            throw PlatformClientError(
                "the server's StatusPage/\(name) has fields that this plumb-page (\(RuntimeVersion.current)) does not "
                    + "know; use the version of the server")
        }
        return (name, spec)
    }

    private static func values(
        _ client: ServerClient, _ query: String, _ from: Timestamp, _ to: Timestamp
    ) async throws -> QueryValues {
        let isInstant: Bool = from == to
        let path = isInstant ? "/api/v1/query" : "/api/v1/query_range"
        let parameters: [(String, String)] =
            isInstant
            ? [("query", query), ("time", from.rfc3339)]
            : [
                ("query", query), ("start", from.rfc3339), ("end", to.rfc3339),
                ("step", Measuring.step.description),
            ]
        let answer: ServerClient.Answer = try await client.send(.get, path, query: parameters)
        // What is wrong with one query, or too much for the server, is no reason to give up the page.
        if [400, 422, 503].contains(answer.status), let body = try? JSONValue(parsing: answer.body),
            body["status"]?.string == "error"
        {
            throw QueryRefused(body["error"]?.string ?? "the server refused the query")
        }
        guard answer.isSuccess else { throw client.failure(answer, path) }
        return QueryValues(data: try JSONValue(parsing: answer.body)["data"] ?? .null)
    }

    private static let historyPage = 1000
    /// Beyond this many transitions a page of incidents is no help.
    private static let mostEvents = 50_000

    private static func history(
        _ client: ServerClient, _ from: Timestamp, _ to: Timestamp
    ) async throws -> [AlertEvent] {
        var events: [AlertEvent] = []
        while events.count < mostEvents {
            var query: [(String, String)] = [
                ("from", from.rfc3339), ("to", to.rfc3339), ("limit", "\(historyPage)"),
            ]
            if let last = events.last { query.append(("before", "\(last.id)")) }
            let answer: JSONValue = try await client.json(.get, "/api/v1/alerts/history", query: query)
            let page: [AlertEvent] = try (answer["history"]?.array ?? []).map { try AlertEvent(json: $0) }
            events += page
            if page.count < historyPage { break }
        }
        return events
    }
}

extension AlertEvent {
    /// Reads an alert of Prometheus' form; nil where it does not fire.
    fileprivate init?(firing alert: JSONValue) {
        var labels: [String: String] = (alert["labels"]?.object ?? [:]).compactMapValues(\.string)
        guard alert["state"]?.string == "firing", let rule = labels.removeValue(forKey: "alertname"),
            let since = (alert["activeAt"]?.string).flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        let severity: String = labels.removeValue(forKey: "severity") ?? "warning"
        self.init(id: 0, at: since, rule: rule, isFiring: true, severity: severity, labels: labels)
    }
}
