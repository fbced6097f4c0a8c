package import Declarations
package import Telemetry

/// A time in which alerts of one rule fired.
package struct Incident: Hashable, Sendable {
    /// Twelve hex digits, the same as long as rule and beginning are.
    package var id: String
    package var title: String
    /// `info`, `warning` or `critical`.
    package var severity: String
    package var start: Timestamp
    /// Nil while it goes on.
    package var end: Timestamp?
    /// How many alerts are told of as one.
    package var alerts: Int
    /// Empty unless the page shows hosts by name.
    package var hosts: [String]

    package init(
        id: String, title: String, severity: String, start: Timestamp, end: Timestamp? = nil, alerts: Int = 1,
        hosts: [String] = []
    ) {
        self.id = id
        self.title = title
        self.severity = severity
        self.start = start
        self.end = end
        self.alerts = alerts
        self.hosts = hosts
    }
}

extension Incident: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            id: try reader.string("id"), title: try reader.string("title"), severity: try reader.string("severity"),
            start: try reader.time("start"), end: try reader.optionalTime("end"),
            alerts: try reader.integer("alerts"), hosts: try reader.strings("hosts"))
    }

    package var json: JSONValue {
        .object(compacting: [
            "id": .string(id), "title": .string(title), "severity": .string(severity), "start": .time(start),
            "end": end.map(JSONValue.time), "alerts": .integer(alerts),
            "hosts": hosts.isEmpty ? nil : .array(hosts.map(JSONValue.string)),
        ])
    }
}
