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
        guard let prefix = prefix(of: text, clock), prefix.length == text.utf8.count else { return nil }
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

    /// The time that `text` begins with, in brackets or not; nil where it begins otherwise.
    static func prefix(of text: String, _ clock: LineClock) -> Prefix? {
        var reader = ByteReader(text)
        let isBracketed: Bool = reader.take("[")
        guard var found = dated(reader, clock) ?? syslog(reader, clock) ?? errorLog(reader, clock) else { return nil }
        if isBracketed {
            reader.position = found.length
            guard reader.take("]") else { return nil }
            found.length = reader.position
        }
        return found
    }

    /// `2026-11-21T03:09:42.123456+01:00`, with a blank for the T, a comma for the point, slashes in the date, and with
    /// or without a zone.
    private static func dated(_ start: ByteReader, _ clock: LineClock) -> Prefix? {
        var reader: ByteReader = start
        guard let year = reader.digits(4), let dash = reader.next(of: "-/"), let month = reader.digits(2),
            reader.take(dash), let day = reader.digits(2), reader.next(of: "Tt ") != nil,
            let clockTime = reader.clockTime()
        else { return nil }
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
        let year: Int64 = CivilDate(daysSince1970: clock.now.microseconds / 86_400_000_000).year
        guard let local = civil(year, month, day, clockTime) ?? civil(year - 1, month, day, clockTime) else {
            return nil
        }
        var time: Timestamp = clock.instant(local: local)
        if time > clock.now + .days(1), let earlier = civil(year - 1, month, day, clockTime) {
            time = clock.instant(local: earlier)
        }
        return Prefix(time: time, length: reader.position, isSyslog: true)
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

    /// `[21/Nov/2026:03:09:42 +0100]` near the beginning, of the access logs of web servers.
    static func accessLogTime(in text: String) -> Timestamp? {
        let bytes: [UInt8] = Array(text.utf8.prefix(300))
        guard let bracket = bytes.firstIndex(of: UInt8(ascii: "[")) else { return nil }
        var reader = ByteReader(text)
        reader.position = bracket + 1
        guard let day = reader.digits(2), reader.take("/"), let month = reader.monthName(), reader.take("/"),
            let year = reader.digits(4), reader.take(":"), let clockTime = reader.clockTime(), reader.take(" "),
            let offset = reader.zone(), reader.take("]"), let local = civil(year, month, day, clockTime)
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

/// Reads a text byte by byte. A read that fails may have moved the place: copies are cheap.
struct ByteReader {
    private let bytes: [UInt8]
    var position = 0

    /// No time is further from the beginning than this.
    private static let longest = 400

    init(_ text: String) { bytes = Array(text.utf8.prefix(Self.longest)) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    mutating func next(of characters: String) -> Unicode.Scalar? {
        guard position < bytes.count, characters.utf8.contains(bytes[position]) else { return nil }
        position += 1
        return Unicode.Scalar(bytes[position - 1])
    }

    /// Exactly so many digits, and no further one behind them.
    mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var number: Int64 = 0
        for byte in bytes[position..<(position + count)] {
            let digit: UInt8 = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = number * 10 + Int64(digit)
        }
        if position + count < bytes.count, bytes[position + count] &- UInt8(ascii: "0") <= 9 { return nil }
        position += count
        return number
    }

    /// `03:09:42`, with a fraction behind a point or a comma, in microseconds of the day.
    mutating func clockTime() -> Int64? {
        guard let hour = digits(2), take(":"), let minute = digits(2), take(":"), let second = digits(2), hour < 24,
            minute < 60, second <= 60
        else { return nil }
        return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction()
    }

    private mutating func fraction() -> Int64 {
        let start: Int = position
        guard next(of: ".,") != nil else { return 0 }
        var value: Int64 = 0
        var count = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
            if count < 6 { value = value * 10 + Int64(digit) }
            count += 1
            position += 1
        }
        guard count > 0 else {
            position = start
            return 0
        }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }

    /// `Z`, `+01:00`, `+0100`, with or without a blank before, or ` UTC`, in seconds east of Greenwich; nil, and the
    /// place unmoved, where there is none.
    mutating func zone() -> Int64? {
        let start: Int = position
        _ = take(" ")
        if take("Z") || take("z") || word("UTC") || word("GMT") { return 0 }
        if let sign = next(of: "+-") {
            var minutes: Int64?
            if let both = digits(4) {
                minutes = both / 100 * 60 + both % 100
            } else if let hours = digits(2) {
                minutes = take(":") ? digits(2).map { hours * 60 + $0 } : hours * 60
            }
            if let minutes, minutes < 24 * 60 { return (sign == "-" ? -60 : 60) * minutes }
        }
        position = start
        return nil
    }

    private mutating func word(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    mutating func monthName() -> Int64? {
        let names = "JanFebMarAprMayJunJulAugSepOctNovDec"
        return name(in: names).map { Int64($0 + 1) }
    }

    mutating func dayName() -> Bool { name(in: "MonTueWedThuFriSatSun") != nil }

    /// The number of the three-letter name that comes next.
    private mutating func name(in names: String) -> Int? {
        guard position + 3 <= bytes.count else { return nil }
        let found: ArraySlice<UInt8> = bytes[position..<(position + 3)]
        let all: [UInt8] = Array(names.utf8)
        guard let index = stride(from: 0, to: all.count, by: 3).first(where: { all[$0..<($0 + 3)] == found }) else {
            return nil
        }
        position += 3
        return index / 3
    }
}
