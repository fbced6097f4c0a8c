import Declarations
import Telemetry

/// The times that log lines carry.
enum LineTime {
    /// A time as a member of a structured line: RFC 3339, the same without a zone (the host's), or a number of seconds,
    /// milliseconds, microseconds or nanoseconds since 1970, told apart by its size.
    static func time(_ value: JSONValue, _ clock: LineClock) -> Timestamp? {
        if let number = value.number { return time(number: number) }
        guard let text = value.string else { return nil }
        if let number = Double(text) { return time(number: number) }
        if let time = Timestamp(rfc3339: text) { return time }
        guard let prefix = prefix(of: ByteReader(text), clock), prefix.length == text.utf8.count else { return nil }
        return prefix.time
    }

    private static func time(number: Double) -> Timestamp? {
        // A second of 1973 is a millisecond of January 1970: nobody logs either.
        switch number {
        case 100_000_000..<100_000_000_000: Timestamp(seconds: number)
        case 100_000_000_000..<100_000_000_000_000: Timestamp(seconds: number / 1e3)
        case 100_000_000_000_000..<100_000_000_000_000_000: Timestamp(seconds: number / 1e6)
        case 100_000_000_000_000_000..<1e20: Timestamp(seconds: number / 1e9)
        default: nil
        }
    }

    /// A time that a text begins with.
    struct Prefix: Hashable {
        var time: Timestamp
        /// Bytes of the text that are the time.
        var length: Int
        /// `Nov 21 03:09:42`, behind which stand the host and the program.
        var isSyslog = false
    }

    /// The time that stands at the reader's place, in brackets or not; nil where something else does.
    static func prefix(of start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        let isBracketed: Bool = reader.take("[")
        guard let first = reader.peek() else { return nil }
        // Most lines without a time are told by their first character.
        let found: Prefix? =
            first &- UInt8(ascii: "0") <= 9
            ? dated(reader, clock)
            : (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first)
                ? syslog(reader, clock) ?? errorLog(reader, clock) : nil
        guard var found else { return nil }
        if isBracketed {
            reader.position = found.length
            guard reader.take("]") else { return nil }
            found.length = reader.position
        }
        return found
    }

    /// A date and time behind one word, as in `update-alternatives 2026-11-21 00:13:31: …` and `Start-Date: …`. Behind
    /// more it is what the line speaks of.
    static func behindAWord(_ start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        guard reader.skipWord() else { return nil }
        return prefix(of: reader, clock).flatMap { $0.isSyslog ? nil : $0 }
    }

    /// `2026-11-21T03:09:42.123456+01:00`, with a blank for the T, a comma for the point, slashes in the date, and with
    /// or without a zone.
    private static func dated(_ start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        guard let year = reader.digits(4), let dash = reader.next(of: "-/"), let month = reader.digits(2),
            reader.take(dash), let day = reader.digits(2), let between = reader.next(of: "Tt ")
        else { return nil }
        // apt writes two blanks.
        if between == " " { _ = reader.take(" ") }
        guard let clockTime = reader.clockTime() else { return nil }
        guard let local = civil(year, month, day, clockTime) else { return nil }
        if let offset = reader.zone() {
            return Prefix(
                time: Timestamp(microseconds: local.microseconds - offset * 1_000_000), length: reader.position)
        }
        return Prefix(time: clock.instant(local: local), length: reader.position)
    }

    /// `Nov 21 03:09:42`: in the host's zone, of this year unless that would lie more than a day ahead.
    private static func syslog(_ start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        guard let month = reader.monthName(), reader.take(" ") else { return nil }
        _ = reader.take(" ")
        guard let day = reader.digits(2) ?? reader.digits(1), reader.take(" "), let clockTime = reader.clockTime()
        else {
            return nil
        }
        guard let time = recent(month, day, clockTime, clock) else { return nil }
        return Prefix(time: time, length: reader.position, isSyslog: true)
    }

    /// A time without a year: of this one unless that would lie more than a day ahead.
    static func recent(_ month: Int64, _ day: Int64, _ clockTime: Int64, _ clock: LineClock) -> Timestamp? {
        let year: Int64 = CivilDate(daysSince1970: clock.now.microseconds / 86_400_000_000).year
        guard let local = civil(year, month, day, clockTime) ?? civil(year - 1, month, day, clockTime) else {
            return nil
        }
        let time: Timestamp = clock.instant(local: local)
        if time > clock.now + .days(1), let earlier = civil(year - 1, month, day, clockTime) {
            return clock.instant(local: earlier)
        }
        return time
    }

    /// `Sat Nov 21 03:09:42.123456 2026`, of Apache's error log.
    private static func errorLog(_ start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        guard reader.dayName(), reader.take(" "), let month = reader.monthName(), reader.take(" ") else { return nil }
        _ = reader.take(" ")
        guard let day = reader.digits(2) ?? reader.digits(1), reader.take(" "), let clockTime = reader.clockTime(),
            reader.take(" "), let year = reader.digits(4), let local = civil(year, month, day, clockTime)
        else { return nil }
        return Prefix(time: clock.instant(local: local), length: reader.position)
    }

    /// `21/Nov/2026:03:09:42 +0100`, of the access logs of web servers; moves the reader behind it.
    static func accessLog(_ reader: inout ByteReader) -> Timestamp? {
        guard let day = reader.digits(2), reader.take("/"), let month = reader.monthName(), reader.take("/"),
            let year = reader.digits(4), reader.take(":"), let clockTime = reader.clockTime(), reader.take(" "),
            let offset = reader.zone(), let local = civil(year, month, day, clockTime)
        else { return nil }
        return Timestamp(microseconds: local.microseconds - offset * 1_000_000)
    }

    private static func civil(_ year: Int64, _ month: Int64, _ day: Int64, _ clockTime: Int64) -> Timestamp? {
        guard (1970...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        // A day that the month does not have comes back as another one.
        guard CivilDate(daysSince1970: date.daysSince1970) == date else { return nil }
        return Timestamp(microseconds: date.daysSince1970 * 86_400_000_000 + clockTime)
    }
}
