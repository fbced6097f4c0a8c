// RFC 3339 without Foundation. The calendar arithmetic is Howard Hinnant's "chrono-compatible low-level date
// algorithms" (days from civil and back), exact for the proleptic Gregorian calendar.

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC, with as much of the fraction as is needed: `2026-11-20T23:46:00Z`, `…:00.25Z`.
    package var description: String { rfc3339 }

    /// RFC 3339 in UTC, with as much of the fraction as is needed: `2026-11-20T23:46:00Z`, `…:00.25Z`.
    package var rfc3339: String {
        let wholeSeconds: Int64 = microseconds.flooredQuotient(by: 1_000_000)
        let remainder: Int64 = microseconds % 1_000_000
        let fraction: Int64 = remainder < 0 ? remainder + 1_000_000 : remainder
        let day: Int64 = wholeSeconds.flooredQuotient(by: 86400)
        let second: Int64 = wholeSeconds - day * 86400
        let date = CivilDate(daysSince1970: day)
        let clock = "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
        return "\(date)T\(clock)\(fractionText(fraction))Z"
    }

    /// Reads RFC 3339, with `Z` or an offset and up to nine digits of fraction (digits past the sixth are dropped).
    package init?(rfc3339 text: some StringProtocol) {
        var reader = DigitReader(Array(text.utf8))
        guard let year = reader.digits(4), reader.take(UInt8(ascii: "-")),
            let month = reader.digits(2), reader.take(UInt8(ascii: "-")),
            let day = reader.digits(2),
            reader.take(UInt8(ascii: "T")) || reader.take(UInt8(ascii: "t")) || reader.take(UInt8(ascii: " ")),
            let hour = reader.digits(2), reader.take(UInt8(ascii: ":")),
            let minute = reader.digits(2), reader.take(UInt8(ascii: ":")),
            let second = reader.digits(2),
            (1...12).contains(month), (1...CivilDate.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd else { return nil }
        let days: Int64 = CivilDate(year: year, month: month, day: day).daysSince1970
        let seconds: Int64 = days * 86400 + hour * 3600 + minute * 60 + second - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }
}

private func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

private func fractionText(_ microseconds: Int64) -> String {
    guard microseconds > 0 else { return "" }
    var digits: [UInt8] = Array("\(1_000_000 + microseconds)".utf8.dropFirst())
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return "." + String(decoding: digits, as: UTF8.self)
}

/// A day of the proleptic Gregorian calendar.
package struct CivilDate: Hashable, Sendable, CustomStringConvertible {
    package var year: Int64
    package var month: Int64
    package var day: Int64

    package init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    package init(daysSince1970: Int64) {
        let shifted: Int64 = daysSince1970 + 719_468
        let era: Int64 = shifted.flooredQuotient(by: 146_097)
        let dayOfEra: Int64 = shifted - era * 146_097
        let yearOfEra: Int64 = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear: Int64 = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch: Int64 = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int64 {
        let shiftedYear: Int64 = month <= 2 ? year - 1 : year
        let era: Int64 = shiftedYear.flooredQuotient(by: 400)
        let yearOfEra: Int64 = shiftedYear - era * 400
        let monthFromMarch: Int64 = month > 2 ? month - 3 : month + 9
        let dayOfYear: Int64 = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra: Int64 = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package var description: String {
        let yearDigits = "\(year)"
        return String(repeating: "0", count: max(0, 4 - yearDigits.count)) + yearDigits
            + "-\(padded(month))-\(padded(day))"
    }

    static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private struct DigitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var number: Int64 = 0
        for byte in bytes[position..<(position + count)] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        position += count
        return number
    }

    /// The fraction in microseconds; 0 where there is none, nil where it is malformed.
    mutating func fraction() -> Int64? {
        guard take(UInt8(ascii: ".")) else { return 0 }
        var value: Int64 = 0
        var count = 0
        while let digit = digits(1) {
            if count < 6 { value = value * 10 + digit }
            count += 1
        }
        guard (1...9).contains(count) else { return nil }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }

    /// Seconds east of Greenwich; nil where it is malformed.
    mutating func offset() -> Int64? {
        if take(UInt8(ascii: "Z")) || take(UInt8(ascii: "z")) { return 0 }
        let sign: Int64
        if take(UInt8(ascii: "+")) { sign = 1 } else if take(UInt8(ascii: "-")) { sign = -1 } else { return nil }
        guard let hours = digits(2), take(UInt8(ascii: ":")), let minutes = digits(2), hours < 24, minutes < 60
        else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }
}
