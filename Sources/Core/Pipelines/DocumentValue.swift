package import Declarations
package import Telemetry

/// A value of a source's document. Like JSON, with the types that a document store has and JSON has not kept apart until
/// the mapping has looked at them: a date is a date there, and a text in the event's payload.
package enum DocumentValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case date(Timestamp)
    /// 24 lower-case hex digits.
    case objectID(String)
    /// A type that has no counterpart here, as text: `decimal128` "1.10", `binary` in base 64, `regex`, `timestamp` …
    case other(type: String, text: String)
    case array([DocumentValue])
    case object([String: DocumentValue])
}

extension DocumentValue {
    package init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .number(let number): self = json.integer.map { .integer(Int64($0)) } ?? .number(number)
        case .string(let text): self = .string(text)
        case .array(let items): self = .array(items.map { DocumentValue($0) })
        case .object(let members): self = .object(members.mapValues { DocumentValue($0) })
        }
    }

    /// As it is stored in an event: dates as RFC 3339, object ids as hex, integers that a double cannot hold and numbers
    /// that are not finite as text. U+0000, which PostgreSQL cannot store, becomes U+FFFD.
    package var json: JSONValue {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .integer(let integer):
            integer.magnitude <= 9_007_199_254_740_991 ? .number(Double(integer)) : .string("\(integer)")
        case .number(let number): number.isFinite ? .number(number) : .string("\(number)")
        case .string(let text): .string(withoutNUL(text))
        case .date(let instant): .time(instant)
        case .objectID(let hex): .string(hex)
        case .other(_, let text): .string(withoutNUL(text))
        case .array(let items): .array(items.map(\.json))
        case .object(let members):
            .object(Dictionary(members.map { (withoutNUL($0.key), $0.value.json) }) { first, _ in first })
        }
    }

    /// What an error says that it found; never the value itself, which may be long or secret.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer, .number: "a number"
        case .string: "a text"
        case .date: "a date"
        case .objectID: "an object id"
        case .other(let type, _): "a value of type \(type)"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// The value at an RFC 6901 pointer; nil where there is none. The empty pointer is the whole value.
    package subscript(pointer pointer: String) -> DocumentValue? {
        guard !pointer.isEmpty else { return self }
        var value: DocumentValue = self
        for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name: String = unescapedPointerPart(part)
            switch value {
            case .object(let members):
                guard let member = members[name] else { return nil }
                value = member
            case .array(let items):
                guard let index = Int(name), items.indices.contains(index) else { return nil }
                value = items[index]
            default: return nil
            }
        }
        return value
    }
}

/// `~1` is a slash and `~0` a tilde in a pointer's part.
private func unescapedPointerPart(_ part: Substring) -> String {
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in part.utf8 {
        if isEscaped {
            bytes.append(byte == UInt8(ascii: "1") ? UInt8(ascii: "/") : UInt8(ascii: "~"))
            isEscaped = false
        } else if byte == UInt8(ascii: "~") {
            isEscaped = true
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// `text` with U+0000 replaced by U+FFFD.
package func withoutNUL(_ text: String) -> String {
    guard text.utf8.contains(0) else { return text }
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { scalars.append(scalar.value == 0 ? "\u{FFFD}" : scalar) }
    return String(scalars)
}
