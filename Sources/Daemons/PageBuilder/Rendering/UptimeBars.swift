import Telemetry

/// The days of a component as one bar each, oldest left. No script: a bar's text is its title.
struct UptimeBars {
    var days: [DayTally]
    var now: Timestamp

    private static let pitch = 6
    private static let height = 36

    var svg: String {
        let byDay = Dictionary(days.map { ($0.day, $0) }) { first, _ in first }
        let midnights: [Timestamp] = Measuring.midnights(at: now)
        var bars = ""
        for (index, midnight) in midnights.enumerated() {
            let tally: DayTally? = byDay[midnight]
            bars +=
                "<rect class=\"\(Self.level(tally))\" x=\"\(index * Self.pitch)\" y=\"0\" width=\"\(Self.pitch - 2)\" "
                + "height=\"\(Self.height)\" rx=\"1\"><title>\(Self.text(tally, midnight))</title></rect>"
        }
        let width: Int = midnights.count * Self.pitch - 2
        return "<svg class=\"bars\" viewBox=\"0 0 \(width) \(Self.height)\" preserveAspectRatio=\"none\" role=\"img\" "
            + "aria-label=\"Uptime of each of the last \(midnights.count) days\">\(bars)</svg>"
    }

    /// The class of a bar: a day is good with less than two minutes of every day lost, and bad from an hour.
    static func level(_ tally: DayTally?) -> String {
        guard let uptime = tally?.uptime else { return "none" }
        return uptime > 0.9986 ? "good" : uptime > 0.9583 ? "warn" : "bad"
    }

    private static func text(_ tally: DayTally?, _ midnight: Timestamp) -> String {
        let date: String = PageWording.date(midnight)
        guard let tally, let uptime = tally.uptime else { return "\(date): no data" }
        let measured = PromDuration(milliseconds: Int64(tally.measured) * Measuring.step.milliseconds)
        let lost = PromDuration(milliseconds: Int64(tally.down) * Measuring.step.milliseconds)
        var text = "\(date): \(PageWording.share(uptime)) up"
        if tally.down > 0 { text += ", down for \(PageWording.span(lost))" }
        if tally.partly > 0 {
            let partly = PromDuration(milliseconds: Int64(tally.partly) * Measuring.step.milliseconds)
            text += ", partly down for \(PageWording.span(partly))"
        }
        return text + ", \(PageWording.span(measured)) measured"
    }
}
