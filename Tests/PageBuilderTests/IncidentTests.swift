import Declarations
import PageBuilder
import Runtime
import Telemetry
import Testing

@Suite struct IncidentTests {
    private let now = Timestamp(rfc3339: "2026-11-21T12:00:00Z") ?? .init(milliseconds: 0)

    private func minutesAgo(_ minutes: Int64) -> Timestamp { now - .minutes(minutes) }

    private func found(_ events: [AlertEvent], _ spec: StatusPageSpec.Incidents = .init()) -> [Incident] {
        incidents(
            events, spec: StatusPageSpec(title: "t", components: [], incidents: spec), at: now,
            sha256: Digests.sha256)
    }

    @Test func aFiringAndItsResolutionAreOneIncident() {
        let incidents: [Incident] = found([
            event(2, minutesAgo(10), firing: false), event(1, minutesAgo(40), firing: true),
        ])
        #expect(incidents.map(\.start) == [minutesAgo(40)])
        #expect(incidents.map(\.end) == [minutesAgo(10)])
        #expect(incidents.map(\.title) == ["Disk full"])
    }

    @Test func whatNeverResolvedGoesOn() {
        #expect(found([event(1, minutesAgo(5), firing: true)]).map(\.end) == [nil])
    }

    /// The public wants to know that storage was full, not on how many file systems.
    @Test func alertsOfOneRuleThatOverlapAreOneIncident() {
        let incidents: [Incident] = found([
            event(1, minutesAgo(60), firing: true, labels: ["host": "a"]),
            event(2, minutesAgo(50), firing: true, labels: ["host": "b"]),
            event(3, minutesAgo(40), firing: false, labels: ["host": "a"]),
            event(4, minutesAgo(30), firing: false, labels: ["host": "b"]),
            event(5, minutesAgo(20), firing: true, labels: ["host": "a"]),
            event(6, minutesAgo(10), firing: false, labels: ["host": "a"]),
        ])
        #expect(incidents.map(\.start) == [minutesAgo(20), minutesAgo(60)])
        #expect(incidents.map(\.end) == [minutesAgo(10), minutesAgo(30)])
        #expect(incidents.map(\.alerts) == [1, 2])
        // Names of hosts are secret unless the page says otherwise.
        #expect(incidents.map(\.hosts) == [[], []])
    }

    @Test func oneThatGoesOnKeepsTheWholeIncidentOpen() {
        let incidents: [Incident] = found([
            event(1, minutesAgo(60), firing: true, labels: ["host": "a"]),
            event(2, minutesAgo(50), firing: true, labels: ["host": "b"]),
            event(3, minutesAgo(40), firing: false, labels: ["host": "b"]),
            event(4, minutesAgo(30), firing: true, labels: ["host": "c"]),
            event(5, minutesAgo(20), firing: false, labels: ["host": "c"]),
        ])
        #expect(incidents.map(\.end) == [nil])
        #expect(incidents.map(\.alerts) == [3])
    }

    /// Its beginning is before the part of the history that was asked for.
    @Test func aResolutionAloneEndsWhatBeganBeforeTheWindow() {
        let incidents: [Incident] = found([event(1, minutesAgo(10), firing: false)], .init(days: 7))
        #expect(incidents.map(\.start) == [now - .days(7)])
        #expect(incidents.map(\.end) == [minutesAgo(10)])
    }

    @Test(arguments: [
        (["severity": "critical"], 1), (["alertname": "disk-*"], 2), (["host": "web-*"], 1), ([:], 3),
        (["severity": "critical", "host": "db"], 0),
    ])
    func matchersChooseByLabelsRuleAndSeverity(matchers: [String: String], count: Int) {
        let events = [
            event(1, minutesAgo(30), firing: true, severity: "critical", labels: ["host": "web-1"]),
            event(2, minutesAgo(20), rule: "disk-slow", firing: true, labels: ["host": "db"]),
            event(3, minutesAgo(10), rule: "cpu-high", firing: true),
        ]
        #expect(found(events, .init(matchers: matchers)).count == count)
    }

    @Test func whatIsLaterThanThePageIsNotOnIt() {
        #expect(found([event(1, now + .minutes(1), firing: true)]).isEmpty)
        let ended = [event(1, minutesAgo(5), firing: true), event(2, now + .minutes(1), firing: false)]
        #expect(found(ended).map(\.end) == [nil])
    }

    /// Links and feed readers rely on it.
    @Test func theIdStaysWhenAnIncidentEnds() {
        let open: [Incident] = found([event(1, minutesAgo(5), firing: true)])
        let closed: [Incident] = found([
            event(1, minutesAgo(5), firing: true), event(2, minutesAgo(1), firing: false),
        ])
        #expect(open.map(\.id) == closed.map(\.id))
        #expect(open.first?.id.utf8.count == 12)
    }

    @Test func aPageMayCallARuleByABetterName() {
        let events = [event(1, minutesAgo(5), firing: true)]
        #expect(found(events, .init(titles: ["disk-full": "Storage"])).map(\.title) == ["Storage"])
    }
}

func event(
    _ id: Int, _ at: Timestamp, rule: String = "disk-full", firing: Bool, severity: String = "warning",
    labels: [String: String] = [:]
) -> AlertEvent {
    AlertEvent(id: id, at: at, rule: rule, isFiring: firing, severity: severity, labels: labels)
}
