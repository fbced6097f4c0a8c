package import Declarations
package import Telemetry

/// An alert began to fire or stopped: one entry of the server's alert history.
package struct AlertEvent: Hashable, Sendable {
    package var id: Int
    package var at: Timestamp
    package var rule: String
    package var isFiring: Bool
    package var severity: String
    package var labels: [String: String]

    package init(
        id: Int, at: Timestamp, rule: String, isFiring: Bool, severity: String, labels: [String: String] = [:]
    ) {
        self.id = id
        self.at = at
        self.rule = rule
        self.isFiring = isFiring
        self.severity = severity
        self.labels = labels
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            id: try reader.integer("id"), at: try reader.time("at"), rule: try reader.string("rule"),
            isFiring: try reader.string("event") == "firing", severity: try reader.string("severity"),
            labels: try reader.stringMap("labels"))
    }
}

/// The incidents that a history tells of, newest first.
///
/// Alerts of one rule that overlap in time are one incident: the public wants to know that storage was full, not on how
/// many file systems. An alert whose firing is not in the history began before it; one that never resolved goes on.
package func incidents(
    _ events: [AlertEvent], spec: StatusPageSpec, at now: Timestamp, sha256: SHA256Function
) -> [Incident] {
    let since: Timestamp = now - .days(Int64(spec.incidents.days))
    let taken: [AlertEvent] = events.filter { $0.at <= now && spec.incidents.takes($0) }
    var byRule: [String: [Span]] = [:]
    for span in spans(taken, since: since) { byRule[span.rule, default: []].append(span) }
    var found: [Incident] = []
    for (rule, spans) in byRule {
        for merged in merge(spans) {
            let hosts: Set<String> = Set(merged.compactMap { $0.labels["host"] })
            let start: Timestamp = merged.map(\.start).min() ?? now
            let digest: [UInt8] = sha256(Array("\(rule) \(start.microseconds)".utf8))
            found.append(
                Incident(
                    id: hexadecimal(digest.prefix(6)), title: spec.incidents.title(of: rule),
                    severity: merged.map(\.severity).max { rank($0) < rank($1) } ?? "warning", start: start,
                    end: merged.contains { $0.end == nil } ? nil : merged.compactMap(\.end).max(),
                    alerts: Set(merged.map(\.labels)).count, hosts: spec.hosts == .names ? hosts.sorted() : []))
        }
    }
    return found.sorted { ($1.start, $0.id) < ($0.start, $1.id) }
}

/// One alert from its firing to its end.
private struct Span {
    var rule: String
    var labels: [String: String]
    var severity: String
    var start: Timestamp
    var end: Timestamp?
}

private struct AlertKey: Hashable {
    var rule: String
    var labels: [String: String]
}

private func spans(_ events: [AlertEvent], since: Timestamp) -> [Span] {
    var open: [AlertKey: Span] = [:]
    var spans: [Span] = []
    for event in events.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) {
        let key = AlertKey(rule: event.rule, labels: event.labels)
        if event.isFiring {
            guard open[key] == nil else { continue }
            open[key] = Span(
                rule: event.rule, labels: event.labels, severity: event.severity, start: event.at, end: nil)
        } else {
            var span: Span =
                open.removeValue(forKey: key)
                ?? Span(rule: event.rule, labels: event.labels, severity: event.severity, start: since, end: nil)
            span.end = event.at
            spans.append(span)
        }
    }
    return spans + open.values
}

/// Spans that overlap or touch, together; in order of time.
private func merge(_ spans: [Span]) -> [[Span]] {
    var groups: [[Span]] = []
    /// When the last group ends; nil where it goes on.
    var end: Timestamp?
    for span in spans.sorted(by: { $0.start < $1.start }) {
        if let last = groups.indices.last, end.map({ span.start <= $0 }) ?? true {
            groups[last].append(span)
            if let known = end { end = span.end.map { max($0, known) } }
        } else {
            groups.append([span])
            end = span.end
        }
    }
    return groups
}

private func rank(_ severity: String) -> Int {
    switch severity {
    case "critical": 2
    case "warning": 1
    default: 0
    }
}

extension StatusPageSpec.Incidents {
    fileprivate func takes(_ event: AlertEvent) -> Bool {
        var labels: [String: String] = event.labels
        labels["alertname"] = event.rule
        labels["severity"] = event.severity
        return matchers.allSatisfy { name, glob in Glob(glob).matches(labels[name] ?? "") }
    }

    /// `filesystem-full` reads "Filesystem full" unless the page has a better title.
    fileprivate func title(of rule: String) -> String {
        if let title = titles[rule] { return title }
        let words: String = rule.replacing("-", with: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
