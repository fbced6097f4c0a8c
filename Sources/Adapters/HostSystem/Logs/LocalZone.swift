import Glibc
package import Telemetry

/// The host's own time zone.
package enum LocalZone {
    /// Seconds east of Greenwich at a local time that is given as if it were UTC.
    package static func offset(at local: Timestamp) -> Int64 {
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
