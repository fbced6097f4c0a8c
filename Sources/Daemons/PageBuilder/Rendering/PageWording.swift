import Telemetry

/// How the page speaks of times and shares. All times are UTC: a static page does not know where it is read.
enum PageWording {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `21 Nov 2026`.
    static func date(_ instant: Timestamp) -> String {
        let (year, month, day) = parts(instant)
        return "\(day) \(month) \(year)"
    }

    /// `Nov 2026`.
    static func month(_ instant: Timestamp) -> String {
        let (year, month, _) = parts(instant)
        return "\(month) \(year)"
    }

    /// `21 Nov 2026, 03:14 UTC`.
    static func moment(_ instant: Timestamp) -> String { "\(date(instant)), \(clock(instant)) UTC" }

    /// `03:14`.
    static func clock(_ instant: Timestamp) -> String { String(instant.rfc3339.dropFirst(11).prefix(5)) }

    private static func parts(_ instant: Timestamp) -> (year: Substring, month: String, day: Int) {
        let fields: [Substring] = instant.rfc3339.prefix { $0 != "T" }.split(separator: "-")
        guard fields.count == 3, let month = Int(fields[1]), months.indices.contains(month - 1) else {
            return ("", "", 0)
        }
        return (fields[0], months[month - 1], Int(fields[2]) ?? 0)
    }

    /// `2 d 3 h`, `1 h 10 min`, `7 min`, `less than a minute`.
    static func span(_ span: PromDuration) -> String {
        let minutes: Int64 = span.milliseconds / 60_000
        let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60)
        if days > 0 { return hours > 0 ? "\(days) d \(hours) h" : "\(days) d" }
        if hours > 0 { return rest > 0 ? "\(hours) h \(rest) min" : "\(hours) h" }
        return minutes > 0 ? "\(minutes) min" : "less than a minute"
    }

    /// `99.98 %`: rounded down, so that 100 % means that there was no outage.
    static func share(_ share: Double) -> String {
        guard share < 1 else { return "100 %" }
        let hundredths = Int(max(0, share) * 10_000)
        let digits: String = hundredths % 100 < 10 ? "0\(hundredths % 100)" : "\(hundredths % 100)"
        return "\(hundredths / 100).\(digits) %"
    }

    static func state(_ state: ComponentState) -> String {
        switch state {
        case .up: "Operational"
        case .partly: "Partial outage"
        case .down: "Outage"
        case .unknown: "No data"
        }
    }
}
