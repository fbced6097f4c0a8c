/// Reads a text byte by byte. A read that fails may have moved the place: copies are cheap.
struct ByteReader {
    let bytes: [UInt8]
    var position = 0

    /// Nothing that is looked for is further from the beginning than this.
    private static let longest = 1000

    init(_ text: String) {
        var text: String = text
        bytes = text.withUTF8 { Array($0.prefix(Self.longest)) }
    }

    var isAtEnd: Bool { position >= bytes.count }

    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skip(_ character: Unicode.Scalar) { while take(character) {} }

    /// Moves behind the word that stands here and the blanks behind it; false where no blank follows.
    mutating func skipWord() -> Bool {
        word() != nil && !isAtEnd
    }

    /// The word that stands here, up to a blank; moves behind the blanks that follow unless told not to.
    mutating func word(movesOverBlanks: Bool = true) -> ArraySlice<UInt8>? {
        let start: Int = position
        while position < bytes.count, bytes[position] != UInt8(ascii: " ") { position += 1 }
        guard position > start else { return nil }
        let found: ArraySlice<UInt8> = bytes[start..<position]
        if movesOverBlanks { skip(" ") }
        return found
    }

    /// A text in double quotes, without them; a backslash takes the next character as it is.
    mutating func quoted() -> String? {
        let start: Int = position
        guard take("\"") else { return nil }
        let plain: ArraySlice<UInt8> = bytes[position...].prefix {
            $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        position = plain.endIndex
        if peek() == UInt8(ascii: "\"") {
            position += 1
            return String(decoding: plain, as: UTF8.self)
        }
        var content = Array(plain)
        while position < bytes.count {
            let byte: UInt8 = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: content, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), position < bytes.count {
                content.append(bytes[position])
                position += 1
            } else {
                content.append(byte)
            }
        }
        position = start
        return nil
    }

    /// Any digits, at most 18.
    mutating func number() -> Int64? {
        let start: Int = position
        var value: Int64 = 0
        while position < bytes.count, position - start < 18, case let digit = bytes[position] &- 48, digit <= 9 {
            value = value * 10 + Int64(digit)
            position += 1
        }
        return position > start ? value : nil
    }

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

    mutating func monthName() -> Int64? { name(in: Self.months).map { Int64($0 + 1) } }

    mutating func dayName() -> Bool { name(in: Self.days) != nil }

    private static let months: [UInt8] = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)
    private static let days: [UInt8] = Array("MonTueWedThuFriSatSun".utf8)

    /// The number of the three-letter name that comes next.
    private mutating func name(in all: [UInt8]) -> Int? {
        guard position + 3 <= bytes.count else { return nil }
        for start in stride(from: 0, to: all.count, by: 3)
        where all[start] == bytes[position] && all[start + 1] == bytes[position + 1]
            && all[start + 2] == bytes[position + 2]
        {
            position += 3
            return start / 3
        }
        return nil
    }
}
