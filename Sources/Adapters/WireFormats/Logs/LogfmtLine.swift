import Declarations
import Telemetry

/// A line of `key=value` pairs, values with blanks in quotes.
enum LogfmtLine {
    /// Nil where the line is none: it has another form, fewer pairs, or none of the keys that say what it is.
    static func parse(_ text: String, _ clock: LineClock, leastPairs: Int) -> ParsedLine? {
        guard let pairs = pairs(text), pairs.count >= leastPairs else { return nil }
        var rest = LineFields(first: pairs.map { ($0.0, .string($0.1)) })
        var parsed = ParsedLine(message: text)
        var isTyped = false
        for key in LineKeys.time {
            guard let value = rest[key], let time = LineTime.time(value, clock) else { continue }
            parsed.time = time
            rest[key] = nil
            isTyped = true
            break
        }
        for key in LineKeys.level {
            guard let word = rest[key]?.string, let level = LogLevel(alias: word) else { continue }
            parsed.level = level
            if word.lowercased() == level.rawValue { rest[key] = nil }
            isTyped = true
            break
        }
        for key in ["msg", "message"] {
            guard let message = rest[key]?.string, !message.isEmpty else { continue }
            parsed.message = message
            rest[key] = nil
            isTyped = true
            break
        }
        guard isTyped else { return nil }
        parsed.fields = rest
        return parsed
    }

    /// The pairs, in order; nil where something is none.
    private static func pairs(_ text: String) -> [(String, String)]? {
        var bytes: ArraySlice<UInt8> = Array(text.utf8)[...]
        var pairs: [(String, String)] = []
        while true {
            while bytes.first == UInt8(ascii: " ") || bytes.first == UInt8(ascii: "\t") { bytes.removeFirst() }
            guard !bytes.isEmpty else { return pairs }
            let key: ArraySlice<UInt8> = bytes.prefix { isKeyByte($0) }
            guard !key.isEmpty, bytes.dropFirst(key.count).first == UInt8(ascii: "=") else { return nil }
            bytes = bytes.dropFirst(key.count + 1)
            guard let value = value(&bytes) else { return nil }
            pairs.append((String(decoding: key, as: UTF8.self), value))
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_.-@/".utf8.contains(byte)
        }
    }

    private static func value(_ bytes: inout ArraySlice<UInt8>) -> String? {
        guard bytes.first == UInt8(ascii: "\"") else {
            let value: ArraySlice<UInt8> = bytes.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
            bytes = bytes.dropFirst(value.count)
            return String(decoding: value, as: UTF8.self)
        }
        bytes.removeFirst()
        let plain: ArraySlice<UInt8> = bytes.prefix {
            $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        bytes = bytes[plain.endIndex...]
        var content = Array(plain)
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard bytes.isEmpty || bytes.first == UInt8(ascii: " ") || bytes.first == UInt8(ascii: "\t") else {
                    return nil
                }
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = bytes.popFirst() else { return nil }
                switch escaped {
                case UInt8(ascii: "n"): content.append(0x0A)
                case UInt8(ascii: "t"): content.append(0x09)
                case UInt8(ascii: "r"): content.append(0x0D)
                default: content.append(escaped)
                }
            default: content.append(byte)
            }
        }
        return nil
    }
}

extension ByteReader {
    /// Whether the first word has an equals sign behind a key.
    var beginsWithPair: Bool {
        for byte in bytes[position...] {
            if byte == UInt8(ascii: "=") { return true }
            if byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "[") { return false }
        }
        return false
    }
}
