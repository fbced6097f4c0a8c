package import Declarations
package import Telemetry

/// What a receiver is told: the body of a webhook, version 1.
///
/// Keys are lower-case and times RFC 3339. `dedupeKey` is the same for every attempt at one notification.
package struct Notification: Hashable, Sendable, JSONCodable {
    package static let version = 1

    package var dedupeKey: String
    package var event: Event
    /// The rule's name; `host.down`, `host.stale`, `host.up` for hosts.
    package var rule: String
    package var severity: AlertRuleSpec.Severity
    package var labels: [String: String]
    package var annotations: [String: String]
    package var value: Double?
    package var activeSince: Timestamp
    package var at: Timestamp
    /// Which commit, author, file and line declared the rule; nil for what no rule declares.
    package var provenance: JSONValue?

    package enum Event: String, CaseIterable, Hashable, Sendable { case firing, resolved }

    package init(
        dedupeKey: String, event: Event, rule: String, severity: AlertRuleSpec.Severity, labels: [String: String],
        annotations: [String: String], value: Double?, activeSince: Timestamp, at: Timestamp, provenance: JSONValue?
    ) {
        self.dedupeKey = dedupeKey
        self.event = event
        self.rule = rule
        self.severity = severity
        self.labels = labels
        self.annotations = annotations
        self.value = value
        self.activeSince = activeSince
        self.at = at
        self.provenance = provenance
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        dedupeKey = try reader.string("dedupeKey")
        event = try reader.choice("event")
        rule = try reader.string("rule")
        severity = try reader.choice("severity")
        labels = try reader.stringMap("labels")
        annotations = try reader.stringMap("annotations")
        value = reader.optional("value")?.number
        activeSince = try reader.time("activeSince")
        at = try reader.time("at")
        provenance = reader.optional("provenance")
    }

    package var json: JSONValue {
        .object(compacting: [
            "version": .integer(Self.version), "dedupeKey": .string(dedupeKey), "event": .string(event.rawValue),
            "rule": .string(rule), "severity": .string(severity.rawValue), "labels": labels.json,
            "annotations": annotations.json, "value": value.flatMap { $0.isFinite ? .number($0) : nil },
            "activeSince": .time(activeSince), "at": .time(at), "provenance": provenance,
        ])
    }
}

/// Which notifiers a notification goes to: those named, else every one with `default: true`, else all. In order of name.
package func receivers(named names: [String], among notifiers: [String: NotifierSpec]) -> [String] {
    let named: [String] = names.filter { notifiers[$0] != nil }
    if !names.isEmpty { return named.sorted() }
    let defaults: [String] = notifiers.filter(\.value.isDefault).map(\.key)
    return (defaults.isEmpty ? Array(notifiers.keys) : defaults).sorted()
}
