import Glibc
package import Telemetry

/// What time it is. Passed in, so that tests say what time it is.
package typealias WallClock = @Sendable () -> Timestamp

extension Timestamp {
    /// The system's real-time clock, now.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
