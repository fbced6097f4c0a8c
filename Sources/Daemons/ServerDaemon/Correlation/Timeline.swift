import Alerting
import Database
import Declarations
import Telemetry

/// One thing that happened, told in one line.
struct TimelineItem: Hashable, Sendable {
    enum Kind: String, CaseIterable, Hashable, Sendable { case alert, host, commit, drift, log, event }

    var at: Timestamp
    var kind: Kind
    var text: String
    var host: String?
    /// `good`, `warn`, `bad` or `muted`, for the page.
    var level = "muted"
    /// Where more is told: a path of the dashboard.
    var link: String?

    var json: JSONValue {
        .object(compacting: [
            "at": .time(at), "kind": .string(kind.rawValue), "text": .string(text), "host": host.map(JSONValue.string),
            "link": link.map(JSONValue.string),
        ])
    }
}

extension TimelineItem {
    /// An entry of the alert history; nil where it is not one.
    init?(alert entry: JSONValue) {
        guard let at = (entry["at"]?.string).flatMap({ Timestamp(rfc3339: $0) }), let rule = entry["rule"]?.string
        else { return nil }
        let isFiring: Bool = entry["event"]?.string == "firing"
        let labels = Labels((entry["labels"]?.object ?? [:]).compactMapValues(\.string))
        let severity: String = entry["severity"]?.string ?? "warning"
        let value: String = entry["value"]?.number.map { " at \(PrometheusJSON.text($0))" } ?? ""
        self.init(
            at: at, kind: .alert, text: "\(rule)\(labels) \(isFiring ? "fired" : "resolved") (\(severity))\(value)",
            host: labels["host"], level: isFiring ? severity == "critical" ? "bad" : "warn" : "good")
    }

    init(_ change: HostStatusStore.Change) {
        let before: String = change.previous.map { ", was \($0.rawValue)" } ?? ", new"
        self.init(
            at: change.at, kind: .host, text: "\(change.host) is \(change.status.rawValue)\(before)", host: change.host,
            level: change.status == .ok ? "good" : change.status == .down ? "bad" : "warn")
    }

    /// What a drift report tells: a commit that was applied or refused, and each drift that was found. With `host`,
    /// changes of other hosts are left out.
    static func items(report: JSONValue, host: String?) -> [TimelineItem] {
        let instant: String? = report["finishedAt"]?.string ?? report["startedAt"]?.string
        guard let at = instant.flatMap({ Timestamp(rfc3339: $0) }) else { return [] }
        let link: String? = report["id"]?.string.map { "/drift/\($0)" }
        let changes: [JSONValue] = (report["changes"]?.array ?? []).filter { change in
            host == nil || change["host"]?.string == nil || change["host"]?.string == host
        }
        var items: [TimelineItem] = []
        let applied: Int = changes.count { ReportView.causes(of: $0).contains("commit") }
        let outcome: String = report["outcome"]?.string ?? "unknown"
        let isRefused: Bool = outcome == "refused" || outcome == "rolledBack"
        if applied > 0 || isRefused {
            let id: String = (report["commit"]?["id"]?.string).map(Wording.short) ?? "none"
            let subject: String = report["commit"]?["subject"]?.string ?? ""
            let author: String = report["commit"]?["author"]?.string ?? "nobody"
            let verb: String = isRefused ? ReportView.outcome(outcome).text : "applied, \(applied) changed"
            items.append(
                TimelineItem(
                    at: at, kind: .commit, text: "commit \(id) \"\(subject)\" by \(author): \(verb)",
                    level: isRefused ? "bad" : "good", link: link))
        }
        for change in changes where ReportView.causes(of: change).contains("drift") {
            let name = "\(change["kind"]?.string ?? "")/\(change["name"]?.string ?? "")"
            let author: String = change["changedBy"].flatMap(ChangeView.author) ?? "an unknown writer"
            items.append(
                TimelineItem(
                    at: at, kind: .drift, text: "drift of \(name), changed by \(author)", host: change["host"]?.string,
                    level: "warn", link: link))
        }
        return items
    }
}
