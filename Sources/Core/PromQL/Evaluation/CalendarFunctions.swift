import Telemetry

/// Parts of the date, in UTC, of seconds since 1970.
enum CalendarFunctions {
    static func function(_ function: Function) -> ((Double) -> Double)? {
        switch function {
        case .minute: { part($0) { seconds, _ in seconds / 60 % 60 } }
        case .hour: { part($0) { seconds, _ in seconds / 3600 } }
        // 1970-01-01 was a Thursday; Sunday is 0.
        case .dayOfWeek: { part($0) { _, day in ((day + 4) % 7 + 7) % 7 } }
        case .dayOfMonth: { part($0) { _, day in CivilDate(daysSince1970: day).day } }
        case .dayOfYear:
            {
                part($0) { _, day in
                    let year: Int64 = CivilDate(daysSince1970: day).year
                    return day - CivilDate(year: year, month: 1, day: 1).daysSince1970 + 1
                }
            }
        case .daysInMonth: { part($0) { _, day in daysInMonth(CivilDate(daysSince1970: day)) } }
        case .month: { part($0) { _, day in CivilDate(daysSince1970: day).month } }
        case .year: { part($0) { _, day in CivilDate(daysSince1970: day).year } }
        default: nil
        }
    }

    /// `take` gets the second of the day and the day since 1970.
    private static func part(_ seconds: Double, _ take: (Int64, Int64) -> Int64) -> Double {
        // A million years each way; beyond it the calendar's arithmetic would overflow.
        guard seconds.magnitude < 3.2e13 else { return .nan }
        let whole = Int64(seconds.rounded(.down))
        let second: Int64 = ((whole % 86400) + 86400) % 86400
        return Double(take(second, (whole - second) / 86400))
    }

    private static func daysInMonth(_ date: CivilDate) -> Int64 {
        let next: CivilDate =
            date.month == 12
            ? CivilDate(year: date.year + 1, month: 1, day: 1)
            : CivilDate(year: date.year, month: date.month + 1, day: 1)
        return next.daysSince1970 - CivilDate(year: date.year, month: date.month, day: 1).daysSince1970
    }
}
