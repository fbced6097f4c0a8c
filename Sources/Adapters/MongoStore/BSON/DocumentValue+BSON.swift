import Pipelines
import Telemetry

extension DocumentValue {
    /// Reads the bytes of a whole BSON document. Texts that are not UTF-8 get U+FFFD where they are not; of two members
    /// with one name the first counts, as in MongoDB.
    init(bson document: [UInt8]) throws(BSONProblem) {
        self = .object(try BSONValues.members(of: document[...], depth: 1))
    }
}

/// What each BSON type becomes.
enum BSONValues {
    /// MongoDB itself stops at 100 (ours is above what clients may nest it in).
    static let deepest = 200

    static func members(
        of document: ArraySlice<UInt8>, depth: Int
    ) throws(BSONProblem) -> [String: DocumentValue] {
        guard depth <= deepest else { throw BSONProblem(description: "documents nested more than \(deepest) deep") }
        var scanner = try BSONScanner(document: document)
        var members: [String: DocumentValue] = [:]
        while let member = try scanner.next() {
            let key: String = text(member.key)
            let value: DocumentValue = try value(member.type, member.content, depth: depth)
            if members[key] == nil { members[key] = value }
        }
        return members
    }

    private static func items(of array: ArraySlice<UInt8>, depth: Int) throws(BSONProblem) -> [DocumentValue] {
        guard depth <= deepest else { throw BSONProblem(description: "lists nested more than \(deepest) deep") }
        var scanner = try BSONScanner(document: array)
        var items: [DocumentValue] = []
        while let item = try scanner.next() { items.append(try value(item.type, item.content, depth: depth)) }
        return items
    }

    /// `content` has the length that its type asks for: the scanner saw to it.
    static func value(
        _ type: BSONType, _ content: ArraySlice<UInt8>, depth: Int
    ) throws(BSONProblem) -> DocumentValue {
        switch type {
        case .null, .undefined: return .null
        case .bool: return .bool(content.first != 0)
        case .int32: return .integer(Int64(Int32(littleEndian: content)))
        case .int64: return .integer(Int64(littleEndian: content))
        case .double: return .number(Double(bitPattern: UInt64(littleEndian: content)))
        case .string, .symbol: return .string(string(content))
        case .date: return date(Int64(littleEndian: content))
        case .objectID: return .objectID(hex(content))
        case .document: return .object(try members(of: content, depth: depth + 1))
        case .array: return .array(try items(of: content, depth: depth + 1))
        case .binary: return try binary(content)
        case .decimal128:
            let low = UInt64(littleEndian: content.prefix(8))
            let high = UInt64(littleEndian: content.suffix(8))
            return .other(type: "decimal128", text: Decimal128(high: high, low: low).description)
        case .timestamp:
            let increment = UInt32(littleEndian: content.prefix(4))
            return .other(type: "timestamp", text: "\(UInt32(littleEndian: content.suffix(4))):\(increment)")
        case .regex:
            let parts: [ArraySlice<UInt8>] = content.split(separator: 0, omittingEmptySubsequences: false)
            return .other(type: "regex", text: "/\(text(parts[0]))/\(text(parts[1]))")
        case .javascript: return .other(type: "javascript", text: string(content))
        case .javascriptWithScope: return try scopedCode(content, depth: depth)
        case .dbPointer:
            return .other(type: "dbPointer", text: "\(string(content.dropLast(12))):\(hex(content.suffix(12)))")
        case .minKey: return .other(type: "minKey", text: "minKey")
        case .maxKey: return .other(type: "maxKey", text: "maxKey")
        default: throw BSONProblem(description: "the type \(type.rawValue) does not exist")
        }
    }

    /// Years that RFC 3339 cannot write stay a number of milliseconds.
    private static func date(_ milliseconds: Int64) -> DocumentValue {
        // 0000-01-01 to 9999-12-31T23:59:59.999.
        guard (-62_167_219_200_000...253_402_300_799_999).contains(milliseconds) else {
            return .other(type: "date", text: "\(milliseconds)")
        }
        return .date(Timestamp(milliseconds: milliseconds))
    }

    /// The subtype is kept in the type's name: 0 and the old 2 are plain bytes.
    private static func binary(_ content: ArraySlice<UInt8>) throws(BSONProblem) -> DocumentValue {
        let subtype: UInt8 = content[content.startIndex + 4]
        var bytes: ArraySlice<UInt8> = content.dropFirst(5)
        switch subtype {
        case 0: break
        case 2:
            guard bytes.count >= 4, Int(Int32(littleEndian: bytes.prefix(4))) == bytes.count - 4 else {
                throw BSONProblem(description: "binary data of subtype 2 whose lengths differ")
            }
            bytes = bytes.dropFirst(4)
        case 4 where bytes.count == 16: return .other(type: "uuid", text: uuid(bytes))
        default: return .other(type: "binary/\(subtype)", text: Base64.encode(bytes))
        }
        return .other(type: "binary", text: Base64.encode(bytes))
    }

    private static func uuid(_ bytes: ArraySlice<UInt8>) -> String {
        var digits: Substring = hex(bytes)[...]
        return [8, 4, 4, 4, 12].map { count in
            defer { digits = digits.dropFirst(count) }
            return String(digits.prefix(count))
        }.joined(separator: "-")
    }

    private static func scopedCode(_ content: ArraySlice<UInt8>, depth: Int) throws(BSONProblem) -> DocumentValue {
        let broken = BSONProblem(description: "code whose lengths differ")
        let inner: ArraySlice<UInt8> = content.dropFirst(4)
        guard inner.count >= 4 else { throw broken }
        let length = Int(Int32(littleEndian: inner.prefix(4)))
        guard length >= 1, inner.count >= 4 + length else { throw broken }
        let code: ArraySlice<UInt8> = inner.prefix(4 + length)
        guard code.last == 0 else { throw broken }
        return .object([
            "code": .string(string(code)),
            "scope": .object(try members(of: inner.dropFirst(4 + length), depth: depth + 1)),
        ])
    }

    /// The text of a string's content: between its length and its zero. A zero inside stays.
    static func string(_ content: ArraySlice<UInt8>) -> String { text(content.dropFirst(4).dropLast()) }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
