/// Reads JSON from left to right, straight into values, without a tree in between: a body of samples is mostly numbers,
/// and a tree of them costs ten times the numbers.
///
/// Holds to RFC 8259 where it reads; what is skipped is checked for its structure only.
struct JSONCursor {
    private let bytes: [UInt8]
    private(set) var position = 0
    private static let deepest = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Structure

    /// The first byte of the next value.
    mutating func peek() throws(WireFormatError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw error("unexpected end") }
        return bytes[position]
    }

    /// Visits each member of the object that comes next. `visit` reads the value.
    mutating func object(
        _ visit: (inout JSONCursor, String) throws(WireFormatError) -> Void
    ) throws(WireFormatError) {
        try expect(UInt8(ascii: "{"), "an object")
        if take(UInt8(ascii: "}")) { return }
        while true {
            guard try peek() == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key: String = try string()
            try expect(UInt8(ascii: ":"), "':'")
            try visit(&self, key)
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "}"), "',' or '}'")
            return
        }
    }

    /// Visits each item of the array that comes next. `visit` reads it.
    mutating func array(
        _ visit: (inout JSONCursor) throws(WireFormatError) -> Void
    ) throws(WireFormatError) {
        try expect(UInt8(ascii: "["), "an array")
        if take(UInt8(ascii: "]")) { return }
        while true {
            try visit(&self)
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "]"), "',' or ']'")
            return
        }
    }

    mutating func end() throws(WireFormatError) {
        skipSpace()
        guard position == bytes.count else { throw error("unexpected text after the value") }
    }

    /// Passes over a value of any kind.
    mutating func skip() throws(WireFormatError) { try skip(depth: 0) }

    private mutating func skip(depth: Int) throws(WireFormatError) {
        guard depth < Self.deepest else { throw error("nested deeper than \(Self.deepest)") }
        switch try peek() {
        case UInt8(ascii: "{"):
            try object { (cursor, _) throws(WireFormatError) in try cursor.skip(depth: depth + 1) }
        case UInt8(ascii: "["):
            try array { (cursor) throws(WireFormatError) in try cursor.skip(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: _ = try number()
        }
    }

    /// True, and past it, where the next value is null.
    mutating func takeNull() throws(WireFormatError) -> Bool {
        guard try peek() == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    // MARK: Strings

    mutating func string() throws(WireFormatError) -> String {
        guard try peek() == UInt8(ascii: "\"") else { throw error("expected a string") }
        let start: Int = position + 1
        var end: Int = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\"),
            bytes[end] >= 0x20
        { end += 1 }
        guard end < bytes.count else { throw error("unterminated string") }
        if bytes[end] == UInt8(ascii: "\"") {
            position = end + 1
            return try text(bytes[start..<end])
        }
        var content: [UInt8] = Array(bytes[start..<end])
        position = end
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            let byte: UInt8 = bytes[position]
            guard byte >= 0x20 else { throw error("control character in a string") }
            position += 1
            if byte == UInt8(ascii: "\\") { try escape(into: &content) } else { content.append(byte) }
        }
        guard position < bytes.count else { throw error("unterminated string") }
        position += 1
        return try text(content[...])
    }

    private func text(_ content: ArraySlice<UInt8>) throws(WireFormatError) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { throw error("invalid UTF-8") }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(WireFormatError) {
        guard position < bytes.count else { throw error("unterminated string") }
        let byte: UInt8 = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content += try unicodeEscape()
        default: throw error("unknown escape")
        }
    }

    private mutating func unicodeEscape() throws(WireFormatError) -> String.UTF8View {
        var code: UInt32 = try fourHexDigits()
        if (0xD800..<0xDC00).contains(code) {
            guard position + 2 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw error("unpaired surrogate") }
            position += 2
            let low: UInt32 = try fourHexDigits()
            guard (0xDC00..<0xE000).contains(low) else { throw error("unpaired surrogate") }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("unpaired surrogate") }
        return String(Character(scalar)).utf8
    }

    private mutating func fourHexDigits() throws(WireFormatError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error("unterminated escape") }
        var code: UInt32 = 0
        for byte in bytes[position..<(position + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hex digits")
            }
            code = code << 4 | UInt32(digit)
        }
        position += 4
        return code
    }

    // MARK: Numbers

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// A number, rounded as IEEE 754 asks. Digits that fit 53 bits with a power of ten up to 22 are exact by one
    /// multiplication or division (Clinger's fast path); the rest goes to the standard library.
    /// A number; infinite where it is beyond the range of a double.
    mutating func number() throws(WireFormatError) -> Double {
        skipSpace()
        let start: Int = position
        let isNegative: Bool = takeHere(UInt8(ascii: "-"))
        var mantissa: UInt64 = 0
        var digits = 0
        var scale = 0
        let wholeStart: Int = position
        readDigits(&mantissa, &digits)
        guard position > wholeStart else { throw error("expected a value") }
        if bytes[wholeStart] == UInt8(ascii: "0"), position > wholeStart + 1 {
            throw error("a number begins with 0")
        }
        if takeHere(UInt8(ascii: ".")) {
            let fractionStart: Int = position
            readDigits(&mantissa, &digits)
            guard position > fractionStart else { throw error("expected digits after the point") }
            scale = fractionStart - position
        }
        if takeHere(UInt8(ascii: "e")) || takeHere(UInt8(ascii: "E")) { scale += try exponent() }
        if digits <= 19, mantissa < 1 << 53, scale.magnitude <= 22 {
            let power: Double = Self.powersOfTen[Int(scale.magnitude)]
            let magnitude: Double = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
            return isNegative ? -magnitude : magnitude
        }
        guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw error("expected a number")
        }
        return number
    }

    private mutating func readDigits(_ mantissa: inout UInt64, _ digits: inout Int) {
        while position < bytes.count {
            let digit: UInt8 = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { return }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            if mantissa > 0 { digits += 1 }
            position += 1
        }
    }

    private mutating func exponent() throws(WireFormatError) -> Int {
        let isNegative: Bool = takeHere(UInt8(ascii: "-"))
        if !isNegative { _ = takeHere(UInt8(ascii: "+")) }
        let start: Int = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
            value = min(value * 10 + Int(digit), 100_000)
            position += 1
        }
        guard position > start else { throw error("expected digits in the exponent") }
        return isNegative ? -value : value
    }

    // MARK: Bytes

    private mutating func word(_ word: StaticString) throws(WireFormatError) {
        let text = "\(word)"
        guard bytes[position...].starts(with: text.utf8) else { throw error("expected \(text)") }
        position += text.utf8.count
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(WireFormatError) {
        guard take(byte) else { throw error("expected \(what)") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        return takeHere(byte)
    }

    private mutating func takeHere(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func error(_ message: String) -> WireFormatError {
        WireFormatError(description: "not JSON: \(message) (at byte \(position))")
    }
}
