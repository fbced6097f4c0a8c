package import Declarations
package import Telemetry

/// Which days of a component are measured, and what their instants amount to.
///
/// A day is measured anew until it has been over for a day, because agents deliver late what they kept; then it stays as
/// it is, also after the samples behind it are gone (see ADR 0077).
package enum Measuring {
    /// The distance of the instants that are looked at; a silence of a minute is no outage, and five minutes are also how
    /// long a sample counts.
    package static let step = PromDuration.minutes(5)
    /// Days on the page, today among them.
    package static let days = 90
    package static let settling = PromDuration.days(1)

    /// The midnights of the page's days, oldest first.
    package static func midnights(at now: Timestamp) -> [Timestamp] {
        let today: Timestamp = now.floored(to: .days(1))
        return (0..<days).reversed().map { today - .days(Int64($0)) }
    }

    /// Whether what was measured of a day at `measuredAt` stays as it is.
    package static func isSettled(_ day: Timestamp, measuredAt: Timestamp) -> Bool {
        day + .days(1) + settling <= measuredAt
    }

    /// The instants of one day, up to `now`.
    package static func instants(of day: Timestamp, at now: Timestamp) -> [Timestamp] {
        var instants: [Timestamp] = []
        var instant: Timestamp = day
        while instant < day + .days(1), instant <= now {
            instants.append(instant)
            instant = instant + step
        }
        return instants
    }

    /// What the instants of one day amount to. Before the component was seen for the first time nothing is counted: a
    /// page that is a day old must not claim 89 days, neither of uptime nor of outage.
    package static func tally(
        _ values: QueryValues, of day: Timestamp, at now: Timestamp, empty: StatusPageSpec.Component.Empty,
        hasBegun: inout Bool
    ) -> DayTally {
        var tally = DayTally(day: day)
        for instant in instants(of: day, at: now) {
            let found: [Double] = values.byTime[instant.milliseconds] ?? []
            if !found.isEmpty { hasBegun = true }
            if hasBegun { tally.count(ComponentState(values: found, empty: empty)) }
        }
        return tally
    }
}
