package import Telemetry

/// A JSON value. Objects keep no order and no duplicates: the parser refuses a duplicate key.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue {
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var number: Double? { if case .number(let number) = self { number } else { nil } }
    package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    package var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    package var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }
    /// The number as an integer, where it is one that a double holds exactly (magnitude below 2^53).
    package var integer: Int? {
        guard let number, number == number.rounded(), number.magnitude <= 9_007_199_254_740_991 else { return nil }
        return Int(number)
    }

    /// The member `key` of an object; nil where there is none or this is no object.
    package subscript(key: String) -> JSONValue? { object?[key] }

    package static func integer(_ number: some BinaryInteger) -> JSONValue { .number(Double(number)) }
    package static func time(_ instant: Timestamp) -> JSONValue { .string(instant.rfc3339) }

    /// An object of the members that are there: absent optionals leave no key behind.
    package static func object(compacting members: [String: JSONValue?]) -> JSONValue {
        .object(members.compactMapValues { $0 })
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) { self = .string(text) }
}
extension JSONValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral number: Int) { self = .number(Double(number)) }
}
extension JSONValue: ExpressibleByFloatLiteral {
    package init(floatLiteral number: Double) { self = .number(number) }
}
extension JSONValue: ExpressibleByBooleanLiteral {
    package init(booleanLiteral flag: Bool) { self = .bool(flag) }
}
extension JSONValue: ExpressibleByArrayLiteral {
    package init(arrayLiteral items: JSONValue...) { self = .array(items) }
}
extension JSONValue: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(Dictionary(members) { _, last in last })
    }
}
