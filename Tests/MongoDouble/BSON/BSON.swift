/// A BSON value, as the double keeps and sends it. Written apart from the adapter's reader, so that each checks the
/// other.
package enum BSON: Hashable, Sendable {
    case double(Double)
    case string(String)
    /// A string whose bytes need not be UTF-8, as drivers without checks have stored them.
    case rawString([UInt8])
    case document(BSONDocument)
    case array([BSON])
    case binary(subtype: UInt8, [UInt8])
    case undefined
    /// 12 bytes.
    case objectID([UInt8])
    case bool(Bool)
    /// Milliseconds since 1970, UTC.
    case date(Int64)
    case null
    case regex(pattern: String, options: String)
    case dbPointer(String, [UInt8])
    case javascript(String)
    case symbol(String)
    case javascriptWithScope(String, BSONDocument)
    case int32(Int32)
    case timestamp(seconds: UInt32, increment: UInt32)
    case int64(Int64)
    case decimal128(high: UInt64, low: UInt64)
    case minKey
    case maxKey
    /// A type byte and the bytes after the key, as they are: for what no driver should have written.
    case malformed(type: UInt8, [UInt8])

    /// An ObjectId whose last bytes count, so that numbered ones are in order.
    package static func objectID(numbered number: Int) -> BSON {
        .objectID([0x65, 0x5d, 0xe8, 0x00, 0, 0, 0, 0] + (0..<4).reversed().map { UInt8(number >> ($0 * 8) & 0xFF) })
    }
}

/// Members in the order in which they were written.
package struct BSONDocument: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: BSON
    }

    package var members: [Member]

    package init(_ members: [(String, BSON)] = []) { self.members = members.map { Member(key: $0.0, value: $0.1) } }

    package subscript(key: String) -> BSON? {
        get { members.first { $0.key == key }?.value }
        set {
            guard let place = members.firstIndex(where: { $0.key == key }) else {
                if let newValue { members.append(Member(key: key, value: newValue)) }
                return
            }
            if let newValue { members[place].value = newValue } else { members.remove(at: place) }
        }
    }

    /// The value at a dotted path through documents, which setting makes where they are missing.
    package subscript(path path: String) -> BSON? {
        get {
            let parts: [Substring] = path.split(separator: ".", maxSplits: 1)
            guard let first = parts.first, let value = self[String(first)] else { return nil }
            guard parts.count == 2 else { return value }
            return value.document?[path: String(parts[1])]
        }
        set {
            let parts: [Substring] = path.split(separator: ".", maxSplits: 1)
            guard let first = parts.first.map(String.init) else { return }
            guard parts.count == 2 else { return self[first] = newValue }
            var inner: BSONDocument = self[first]?.document ?? [:]
            inner[path: String(parts[1])] = newValue
            self[first] = .document(inner)
        }
    }
}

extension BSONDocument: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, BSON)...) { self.init(members) }
}

extension BSON: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self = .string(text) }
}
extension BSON: ExpressibleByArrayLiteral {
    package init(arrayLiteral items: BSON...) { self = .array(items) }
}
extension BSON: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, BSON)...) { self = .document(BSONDocument(members)) }
}

extension BSON {
    package var document: BSONDocument? { if case .document(let document) = self { document } else { nil } }
    package var array: [BSON]? { if case .array(let items) = self { items } else { nil } }
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bytes: [UInt8]? { if case .binary(_, let bytes) = self { bytes } else { nil } }
    /// Any number as an integer.
    package var integer: Int? {
        switch self {
        case .int32(let number): Int(number)
        case .int64(let number): Int(number)
        case .double(let number): Int(exactly: number)
        default: nil
        }
    }
}
