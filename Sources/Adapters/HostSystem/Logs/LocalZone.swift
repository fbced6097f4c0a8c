import Glibc
import Synchronization
package import Telemetry

/// The host's own time zone.
package enum LocalZone {
    /// No zone changes its offset within a quarter of an hour, and the C library takes a lock and a while to say it.
    private static let latest = Mutex<(quarter: Int64, offset: Int64)?>(nil)
    private static let quarter: Int64 = 900_000_000

    /// Seconds east of Greenwich at a local time that is given as if it were UTC.
    package static func offset(at local: Timestamp) -> Int64 {
        let quarter: Int64 = local.microseconds / Self.quarter
        if let known = latest.withLock({ $0 }), known.quarter == quarter { return known.offset }
        let offset: Int64 = offsetByLibrary(at: local)
        latest.withLock { $0 = (quarter, offset) }
        return offset
    }

    private static func offsetByLibrary(at local: Timestamp) -> Int64 {
        var seconds: time_t = time_t(local.microseconds / 1_000_000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return 0 }
        // The C library says whether summer time was in force.
        parts.tm_isdst = -1
        let instant: time_t = mktime(&parts)
        guard instant != -1 else { return 0 }
        return Int64(seconds) - Int64(instant)
    }
}
