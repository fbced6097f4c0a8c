import Telemetry

/// Splits a query into tokens. Keywords stay identifiers: whether `sum` is an operator or a metric depends on what
/// follows, and the parser knows.
struct Lexer {
    private let bytes: [UInt8]
    private var offset = 0
    /// Inside `[…]` a colon separates range and step; elsewhere it is a letter of metric names.
    private var isInBrackets = false
    private var counted = 0
    private var counter = Position(line: 1, column: 1)

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func tokens() throws(PromQLError) -> [Token] {
        var tokens: [Token] = []
        while true {
            skipSpaceAndComments()
            let token: Token = try next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private mutating func next() throws(PromQLError) -> Token {
        let start: Position = position(of: offset)
        guard let byte = peek() else { return Token(kind: .end, position: start) }
        let kind: Token.Kind
        if byte.isDigit || (byte == UInt8(ascii: ".") && (peek(1)?.isDigit ?? false)) {
            kind = try number()
        } else if byte.isIdentifierStart || (byte == UInt8(ascii: ":") && !isInBrackets) {
            kind = .identifier(identifier())
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`") {
            kind = .string(try string(quote: byte))
        } else {
            kind = .symbol(try symbol())
        }
        return Token(kind: kind, position: start)
    }

    private mutating func symbol() throws(PromQLError) -> Token.Symbol {
        let rest: ArraySlice<UInt8> = bytes[offset..<min(offset + 2, bytes.count)]
        for length in [2, 1] where rest.count >= length {
            let text = String(decoding: rest.prefix(length), as: UTF8.self)
            guard let symbol = Token.Symbol(rawValue: text) else { continue }
            offset += length
            if symbol == .openBracket { isInBrackets = true }
            if symbol == .closeBracket { isInBrackets = false }
            return symbol
        }
        let character: Character = String(decoding: bytes[offset...].prefix(4), as: UTF8.self).first ?? "?"
        throw error("unexpected character \"\(character)\"", at: offset)
    }

    private mutating func identifier() -> String {
        let start: Int = offset
        while let byte = peek(), byte.isIdentifierStart || byte.isDigit || (byte == UInt8(ascii: ":") && !isInBrackets)
        { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    // MARK: Numbers and durations

    private mutating func number() throws(PromQLError) -> Token.Kind {
        let start: Int = offset
        if peek() == UInt8(ascii: "0"), peek(1) == UInt8(ascii: "x") || peek(1) == UInt8(ascii: "X") {
            return .number(try hexadecimal(from: start))
        }
        skipDigits()
        if let byte = peek(), byte.isDurationUnit { return .duration(try duration(from: start)) }
        if peek() == UInt8(ascii: ".") {
            offset += 1
            skipDigits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            offset += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { offset += 1 }
            skipDigits()
        }
        let text = String(decoding: bytes[start..<offset].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        guard !(peek()?.isIdentifierStart ?? false), let number = Double(text.hasSuffix(".") ? text + "0" : text)
        else { throw badNumber(from: start) }
        return .number(number)
    }

    private mutating func hexadecimal(from start: Int) throws(PromQLError) -> Double {
        offset += 2
        var value = 0.0
        var count = 0
        while let byte = peek(), let digit = byte.hexadecimalValue {
            value = value * 16 + Double(digit)
            count += 1
            offset += 1
            if peek() == UInt8(ascii: "_") { offset += 1 }
        }
        guard count > 0, !(peek()?.isIdentifierStart ?? false) else { throw badNumber(from: start) }
        return value
    }

    private mutating func duration(from start: Int) throws(PromQLError) -> PromDuration {
        while let byte = peek(), byte.isDigit || byte.isIdentifierStart { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let duration = PromDuration(text) else { throw badNumber(from: start) }
        return duration
    }

    private mutating func skipDigits() {
        while let byte = peek(), byte.isDigit || (byte == UInt8(ascii: "_") && (peek(1)?.isDigit ?? false)) {
            offset += 1
        }
    }

    private mutating func badNumber(from start: Int) -> PromQLError {
        while let byte = peek(), byte.isDigit || byte.isIdentifierStart || byte == UInt8(ascii: ".") { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        return error("bad number or duration syntax: \"\(text)\"", at: start)
    }

    // MARK: Strings

    private mutating func string(quote: UInt8) throws(PromQLError) -> String {
        let start: Int = offset
        let isRaw: Bool = quote == UInt8(ascii: "`")
        offset += 1
        var content: [UInt8] = []
        while true {
            guard let byte = peek(), isRaw || byte != UInt8(ascii: "\n") else {
                throw error("unterminated string", at: start)
            }
            offset += 1
            if byte == quote { break }
            if byte == UInt8(ascii: "\\"), !isRaw { content += try escape(quote: quote) } else { content.append(byte) }
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw error("the string is not valid UTF-8", at: start)
        }
        return text
    }

    /// The bytes that an escape stands for: Go's, which Prometheus uses.
    private mutating func escape(quote: UInt8) throws(PromQLError) -> [UInt8] {
        let start: Int = offset - 1
        guard let byte = peek() else { throw error("unterminated string", at: start) }
        offset += 1
        switch byte {
        case UInt8(ascii: "a"): return [0x07]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "v"): return [0x0B]
        case UInt8(ascii: "\\"), quote: return [byte]
        case UInt8(ascii: "x"): return [UInt8(truncatingIfNeeded: try digits(2, base: 16, from: start))]
        case UInt8(ascii: "u"): return try scalar(digits(4, base: 16, from: start), from: start)
        case UInt8(ascii: "U"): return try scalar(digits(8, base: 16, from: start), from: start)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            offset -= 1
            let value: UInt32 = try digits(3, base: 8, from: start)
            guard value <= 255 else { throw error("octal escape above 255", at: start) }
            return [UInt8(value)]
        default: throw error("unknown escape sequence", at: start)
        }
    }

    private mutating func digits(_ count: Int, base: UInt32, from start: Int) throws(PromQLError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek()?.hexadecimalValue, UInt32(digit) < base else {
                throw error("malformed escape sequence", at: start)
            }
            value = value &* base &+ UInt32(digit)
            offset += 1
        }
        return value
    }

    private mutating func scalar(_ value: UInt32, from start: Int) throws(PromQLError) -> [UInt8] {
        guard let scalar = Unicode.Scalar(value) else { throw error("escape is no Unicode character", at: start) }
        return Array(String(Character(scalar)).utf8)
    }

    // MARK: Reading

    private func peek(_ ahead: Int = 0) -> UInt8? { offset + ahead < bytes.count ? bytes[offset + ahead] : nil }

    private mutating func skipSpaceAndComments() {
        while let byte = peek() {
            if byte == UInt8(ascii: "#") {
                while let next = peek(), next != UInt8(ascii: "\n") { offset += 1 }
            } else if byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
                offset += 1
            } else {
                return
            }
        }
    }

    /// Counts on from the place that was asked for last; places never go back, so that a long query costs one pass.
    private mutating func position(of place: Int) -> Position {
        while counted < min(place, bytes.count) {
            if bytes[counted] == 0x0A {
                counter.line += 1
                counter.column = 1
            } else if bytes[counted] & 0xC0 != 0x80 {
                // Continuation bytes of UTF-8 are no characters of their own.
                counter.column += 1
            }
            counted += 1
        }
        return counter
    }

    private mutating func error(_ message: String, at place: Int) -> PromQLError {
        PromQLError(.syntax, message, at: position(of: place))
    }
}

extension UInt8 {
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    var isLetter: Bool { (self | 0x20) >= UInt8(ascii: "a") && (self | 0x20) <= UInt8(ascii: "z") }
    var isIdentifierStart: Bool { isLetter || self == UInt8(ascii: "_") }

    fileprivate var isDurationUnit: Bool {
        switch self {
        case UInt8(ascii: "y"), UInt8(ascii: "w"), UInt8(ascii: "d"), UInt8(ascii: "h"), UInt8(ascii: "m"),
            UInt8(ascii: "s"):
            true
        default: false
        }
    }

    var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
