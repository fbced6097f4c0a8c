import Runtime
package import Telemetry

/// Notices that the host's clock was set, by comparing it with one that only ever runs.
package struct ClockStep: Sendable {
    /// Less is what a busy machine and a clock that is being slewed come to between two looks.
    package static let least = PromDuration.seconds(2)

    private var last: (wall: Timestamp, elapsed: Duration)?

    package init() {}

    /// How far the clock was set since the last look; nil where it ran as it should.
    package mutating func look(wall: Timestamp, elapsed: Duration) -> PromDuration? {
        defer { last = (wall, elapsed) }
        guard let last else { return nil }
        let ran: Int64 = (elapsed - last.elapsed).inMilliseconds
        let step = PromDuration(milliseconds: (wall - last.wall).milliseconds - ran)
        return step.milliseconds.magnitude >= UInt64(Self.least.milliseconds) ? step : nil
    }
}
