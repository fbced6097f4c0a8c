import Alerting
import Telemetry
import Testing

@Suite struct LivenessTests {
    private let thresholds = LivenessThresholds(staleAfter: .seconds(20), downAfter: .seconds(50))

    private func status(lastSeen: Int64?, listeningSince: Int64 = 0, now: Int64) -> HostStatus {
        thresholds.status(
            lastSeen: lastSeen.map { Timestamp(milliseconds: $0 * 1000) },
            listeningSince: Timestamp(milliseconds: listeningSince * 1000), now: Timestamp(milliseconds: now * 1000))
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

    @Test func `an expected host that never reported is unknown, then down`() {
        #expect(status(lastSeen: nil, listeningSince: 1000, now: 1049) == .unknown)
        #expect(status(lastSeen: nil, listeningSince: 1000, now: 1050) == .down)
    }
}
