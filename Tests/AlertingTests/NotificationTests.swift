import Alerting
import Declarations
import Telemetry
import Testing

@Suite struct NotificationTests {
    private let notifiers: [String: NotifierSpec] = [
        "ops": NotifierSpec(type: .webhook, url: "http://ops", isDefault: true),
        "chat": NotifierSpec(type: .webhook, url: "http://chat"),
    ]

    @Test func `a notification goes to those named, else to the defaults, else to all`() {
        #expect(receivers(named: ["chat"], among: notifiers) == ["chat"])
        #expect(receivers(named: [], among: notifiers) == ["ops"])
        #expect(
            receivers(named: [], among: notifiers.mapValues { .init(type: $0.type, url: $0.url) }) == ["chat", "ops"])
        #expect(receivers(named: ["gone"], among: notifiers) == [])
    }

    // Shows W-A-17
    @Test func `the webhook body has lower-case keys, RFC 3339 times and reads back`() throws {
        let notification = Notification(
            dedupeKey: "k", event: .firing, rule: "cpu-high", severity: .critical, labels: ["host": "web"],
            annotations: ["summary": "hot"], value: 91.5, activeSince: Timestamp(milliseconds: 0),
            at: Timestamp(milliseconds: 60_000), provenance: ["commit": "abc"])
        #expect(
            notification.json.canonicalText
                == #"{"activeSince":"1970-01-01T00:00:00Z","annotations":{"summary":"hot"},"at":"1970-01-01T00:01:00Z","dedupeKey":"k","event":"firing","labels":{"host":"web"},"provenance":{"commit":"abc"},"rule":"cpu-high","severity":"critical","value":91.5,"version":1}"#
        )
        #expect(try Notification(json: notification.json) == notification)
    }

    @Test func `annotations are filled with labels and value, and unknown braces stay`() {
        let labels: Labels = ["host": "web", "mountpoint": "/"]
        #expect(
            filled("{{ $labels.host }}: {{$labels.mountpoint}} at {{ $value }} %", labels: labels, value: 91.23456)
                == "web: / at 91.23 %")
        #expect(filled("{{ nonsense }} and {{ open", labels: labels, value: 1) == "{{ nonsense }} and {{ open")
        #expect(filled("{{ $labels.gone }}!", labels: labels, value: 1) == "!")
    }
}
