import Alerting
import Telemetry
import Testing

@Suite struct LivenessTests {
    private let thresholds = LivenessThresholds(staleAfter: .seconds(20), downAfter: .seconds(50))

    private func status(
        lastSeen: Int64?, listeningSince: Int64 = 0, now: Int64, found: (status: HostStatus, since: Timestamp)? = nil
    ) -> HostStatus {
        thresholds.status(
            lastSeen: lastSeen.map { Timestamp(milliseconds: $0 * 1000) },
            listeningSince: Timestamp(milliseconds: listeningSince * 1000), now: Timestamp(milliseconds: now * 1000),
            found: found)
    }

    // Shows F-AL-08
    @Test(
        arguments: [(100, .ok), (119, .ok), (120, .stale), (149, .stale), (150, .down), (9999, .down)]
            as [(Int64, HostStatus)])
    func `silence makes a host stale, then down`(now: Int64, expected: HostStatus) {
        #expect(status(lastSeen: 100, now: now) == expected)
    }

    // Shows F-AL-08
    @Test func `a host that died while the server was away is down one downAfter after the server came back`() {
        #expect(status(lastSeen: 100, listeningSince: 5000, now: 5001) == .ok)
        #expect(status(lastSeen: 100, listeningSince: 5000, now: 5049) == .stale)
        #expect(status(lastSeen: 100, listeningSince: 5000, now: 5050) == .down)
    }

    // Shows F-AL-08
    @Test(
        arguments: [
            (100, .down, 5010, .down), (100, .stale, 5010, .stale), (100, .ok, 5010, .ok), (100, .stale, 5050, .down),
            // Heard since it was found down.
            (5005, .down, 5010, .ok), (5005, .down, 5030, .stale),
        ] as [(Int64, HostStatus, Int64, HostStatus)])
    func `a restart of the server is no sign of life`(
        lastSeen: Int64, found: HostStatus, now: Int64, expected: HostStatus
    ) {
        let found = (status: found, since: Timestamp(milliseconds: 150_000))
        #expect(status(lastSeen: lastSeen, listeningSince: 5000, now: now, found: found) == expected)
    }

    @Test func `a threshold that was raised counts for a host that was found silent`() {
        let found = (status: HostStatus.down, since: Timestamp(milliseconds: 150_000))
        #expect(status(lastSeen: 100, now: 115, found: found) == .ok)
        #expect(status(lastSeen: 100, listeningSince: 101, now: 125, found: found) == .stale)
    }

    @Test func `an expected host that never reported is unknown, then down`() {
        #expect(status(lastSeen: nil, listeningSince: 1000, now: 1049) == .unknown)
        #expect(status(lastSeen: nil, listeningSince: 1000, now: 1050) == .down)
    }
}
