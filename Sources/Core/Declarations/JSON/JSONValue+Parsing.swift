/// Why bytes are not JSON, and where: `line` and `column` count from 1, columns in bytes.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String
    package var line: Int
    package var column: Int

    package var description: String { "\(line):\(column): \(message)" }
}

extension JSONValue {
    /// Reads one JSON text (RFC 8259). Refuses duplicate keys, invalid UTF-8, numbers beyond a double's range, and
    /// nesting deeper than 128, so that hostile bytes cost no stack.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
        var parser = JSONParser(Array(bytes))
        self = try parser.document()
    }

    /// The members of a text that is one JSON object, in their order; what is refused is what ``init(parsing:)`` refuses,
    /// and any other value.
    package static func members(parsing text: String) throws(JSONError) -> [(key: String, value: JSONValue)] {
        var parser = JSONParser(Array(text.utf8))
        return try parser.objectDocument()
    }

    /// Reads one JSON text; see ``init(parsing:)``.
    package init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private static let deepest = 128

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        let value: JSONValue = try self.value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw error("unexpected text after the value") }
        return value
    }

    mutating func objectDocument() throws(JSONError) -> [(key: String, value: JSONValue)] {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "{") else {
            throw error("expected an object")
        }
        var members: [(key: String, value: JSONValue)] = []
        // Few are looked through; many have a table.
        var keys: Set<String> = []
        try eachMember(depth: 0) { key, value in
            members.append((key, value))
            guard members.count > 16 else { return !members.dropLast().contains { $0.key == key } }
            if members.count == 17 { keys = Set(members.dropLast().map(\.key)) }
            return keys.insert(key).inserted
        }
        skipSpace()
        guard position == bytes.count else { throw error("unexpected text after the value") }
        return members
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.deepest else { throw error("nested deeper than \(Self.deepest)") }
        guard position < bytes.count else { throw error("unexpected end") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        try eachMember(depth: depth) { key, value in members.updateValue(value, forKey: key) == nil }
        return .object(members)
    }

    /// Gives each member of the object that stands here to `isNew`, which says whether its key is a new one.
    private mutating func eachMember(depth: Int, _ isNew: (String, JSONValue) -> Bool) throws(JSONError) {
        position += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            let start: Int = position
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key: String = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("expected ':'") }
            skipSpace()
            let member: JSONValue = try value(depth: depth + 1)
            guard isNew(key, member) else { throw error("duplicate key \"\(key)\"", at: start) }
            skipSpace()
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw error("expected ',' or '}'") }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        var items: [JSONValue] = []
        position += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(items) }
        while true {
            skipSpace()
            items.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(items) }
            guard take(UInt8(ascii: ",")) else { throw error("expected ',' or ']'") }
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw error("expected a value") }
        position += word.utf8.count
        return value
    }

    private mutating func number() throws(JSONError) -> Double {
        let start: Int = position
        _ = take(UInt8(ascii: "-"))
        let wholeStart: Int = position
        let wholeDigits: Int = skipDigits()
        guard wholeDigits > 0 else { throw error("expected a value", at: start) }
        guard wholeDigits == 1 || bytes[wholeStart] != UInt8(ascii: "0") else {
            throw error("a number must not begin with 0", at: start)
        }
        if wholeDigits < 16, !startsFraction {
            // The common case, an integer that a double holds exactly, without a detour through text.
            var whole: Int64 = 0
            for byte in bytes[wholeStart..<position] { whole = whole * 10 + Int64(byte - UInt8(ascii: "0")) }
            return wholeStart > start ? -Double(whole) : Double(whole)
        }
        if take(UInt8(ascii: ".")), skipDigits() == 0 { throw error("expected a digit") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            if skipDigits() == 0 { throw error("expected a digit") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let number = Double(text), number.isFinite else { throw error("number out of range", at: start) }
        return number
    }

    private var startsFraction: Bool {
        guard position < bytes.count else { return false }
        let byte: UInt8 = bytes[position]
        return byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    }

    private mutating func skipDigits() -> Int {
        let start: Int = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return position - start
    }

    private mutating func string() throws(JSONError) -> String {
        let start: Int = position
        position += 1
        let contentStart: Int = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\"),
            bytes[position] >= 0x20
        { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            position += 1
            return try decoded(bytes[contentStart..<(position - 1)], from: start)
        }
        var content: [UInt8] = Array(bytes[contentStart..<position])
        while true {
            guard position < bytes.count else { throw error("unterminated string", at: start) }
            let byte: UInt8 = bytes[position]
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20 else { throw error("control character in a string") }
            position += 1
            if byte == UInt8(ascii: "\\") { content += try escape() } else { content.append(byte) }
        }
        position += 1
        return try decoded(content[...], from: start)
    }

    private func decoded(_ content: ArraySlice<UInt8>, from start: Int) throws(JSONError) -> String {
        guard let text = content.withUnsafeBufferPointer({ String(wellFormed: $0) }) else {
            throw error("invalid UTF-8", at: start)
        }
        return text
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard position < bytes.count else { throw error("unterminated string") }
        let byte: UInt8 = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw error("unknown escape", at: position - 2)
        }
    }

    private mutating func unicodeEscape() throws(JSONError) -> [UInt8] {
        let start: Int = position - 2
        var code: UInt32 = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let low: UInt32 = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw error("unpaired surrogate", at: start) }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("unpaired surrogate", at: start) }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
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

    private mutating func take(_ byte: UInt8) -> Bool {
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

    private func error(_ message: String, at place: Int? = nil) -> JSONError {
        let before: ArraySlice<UInt8> = bytes[..<min(place ?? position, bytes.count)]
        let line: Int = before.count { $0 == 0x0A } + 1
        let column: Int = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
        return JSONError(message: message, line: line, column: column)
    }
}
