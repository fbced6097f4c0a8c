package import Declarations
package import Telemetry

/// A parameter of a statement. Everything but bytes travels as text with a type that PostgreSQL infers, so that one
/// case serves `int4` and `int8`, `json` and `jsonb`; write a cast (`$1::bigint`) where there is nothing to infer from.
package enum SQLValue: Hashable, Sendable {
    case null
    case text(String)
    case integer(Int)
    case double(Double)
    case bool(Bool)
    case bytes([UInt8])
    case json(JSONValue)
    case time(Timestamp)
    case textArray([String])
    case integerArray([Int])
    case doubleArray([Double?])
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral text: String) { self = .text(text) }
    package init(integerLiteral number: Int) { self = .integer(number) }
    package init(booleanLiteral flag: Bool) { self = .bool(flag) }
}

extension SQLValue {
    package static func optional(_ text: String?) -> SQLValue { text.map(SQLValue.text) ?? .null }
    package static func optional(_ number: Int?) -> SQLValue { number.map(SQLValue.integer) ?? .null }
    package static func optional(_ instant: Timestamp?) -> SQLValue { instant.map(SQLValue.time) ?? .null }
    package static func optional(_ json: JSONValue?) -> SQLValue { json.map(SQLValue.json) ?? .null }

    /// The text form; nil for null and bytes.
    var text: String? {
        switch self {
        case .null, .bytes: nil
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .double(let number): Self.text(of: number)
        case .bool(let flag): flag ? "t" : "f"
        case .json(let json): json.canonicalText
        case .time(let instant): instant.rfc3339
        case .textArray(let items): "{" + items.map(Self.quotedElement).joined(separator: ",") + "}"
        case .integerArray(let items): "{" + items.map { "\($0)" }.joined(separator: ",") + "}"
        case .doubleArray(let items): "{" + items.map { $0.map(Self.text) ?? "NULL" }.joined(separator: ",") + "}"
        }
    }

    private static func text(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return "\(number)"
    }

    private static func quotedElement(_ text: String) -> String {
        "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }
}

/// Parameters laid out for libpq: all bytes in one buffer, each value ended by a NUL.
struct EncodedParameters {
    private(set) var bytes: [UInt8] = []
    /// Where each value begins; nil for null.
    private(set) var starts: [Int?] = []
    private(set) var lengths: [Int32] = []
    /// 0 text, 1 binary.
    private(set) var formats: [Int32] = []
    private(set) var types: [UInt32] = []

    /// The protocol counts parameters in 16 bits.
    private static let most = 65535
    private static let byteaType: UInt32 = 17

    init(_ values: [SQLValue], operation: @autoclosure () -> String) throws(DatabaseError) {
        guard values.count <= Self.most else {
            throw .usage("\(values.count) parameters; at most \(Self.most) are possible", operation: operation())
        }
        for (index, value) in values.enumerated() {
            if case .bytes(let content) = value {
                append(content, format: 1, type: Self.byteaType)
            } else if let text = value.text {
                let content: [UInt8] = Array(text.utf8)
                // libpq would cut the text there without a word.
                guard !content.contains(0) else {
                    throw DatabaseError(
                        .usage, "parameter $\(index + 1) contains a NUL character, which text cannot hold",
                        operation: operation(), sqlState: "22021")
                }
                append(content, format: 0, type: 0)
            } else {
                starts.append(nil)
                lengths.append(0)
                formats.append(0)
                types.append(0)
            }
        }
        guard bytes.count <= Int(Int32.max) else {
            throw .usage("parameters of \(bytes.count) bytes are too large", operation: operation())
        }
    }

    private mutating func append(_ content: [UInt8], format: Int32, type: UInt32) {
        starts.append(bytes.count)
        lengths.append(Int32(clamping: content.count))
        formats.append(format)
        types.append(type)
        bytes += content
        bytes.append(0)
    }
}
