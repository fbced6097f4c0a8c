/// A BSON value as its type byte and the bytes behind its key: exact for every type, also those that have no counterpart
/// here, so that an `_id` goes back to the server as it came.
struct BSONElement: Hashable, Sendable {
    var type: BSONType
    var content: [UInt8]
}

/// The byte that says what a BSON value is.
struct BSONType: RawRepresentable, Hashable, Sendable {
    var rawValue: UInt8

    static let double = BSONType(rawValue: 0x01)
    static let string = BSONType(rawValue: 0x02)
    static let document = BSONType(rawValue: 0x03)
    static let array = BSONType(rawValue: 0x04)
    static let binary = BSONType(rawValue: 0x05)
    static let undefined = BSONType(rawValue: 0x06)
    static let objectID = BSONType(rawValue: 0x07)
    static let bool = BSONType(rawValue: 0x08)
    static let date = BSONType(rawValue: 0x09)
    static let null = BSONType(rawValue: 0x0A)
    static let regex = BSONType(rawValue: 0x0B)
    static let dbPointer = BSONType(rawValue: 0x0C)
    static let javascript = BSONType(rawValue: 0x0D)
    static let symbol = BSONType(rawValue: 0x0E)
    static let javascriptWithScope = BSONType(rawValue: 0x0F)
    static let int32 = BSONType(rawValue: 0x10)
    static let timestamp = BSONType(rawValue: 0x11)
    static let int64 = BSONType(rawValue: 0x12)
    static let decimal128 = BSONType(rawValue: 0x13)
    static let minKey = BSONType(rawValue: 0xFF)
    static let maxKey = BSONType(rawValue: 0x7F)
}

// What queries and updates are made of.
extension BSONElement {
    static let null = BSONElement(type: .null, content: [])

    static func bool(_ flag: Bool) -> BSONElement { BSONElement(type: .bool, content: [flag ? 1 : 0]) }

    static func int32(_ number: Int32) -> BSONElement { BSONElement(type: .int32, content: number.littleEndianBytes) }

    static func int64(_ number: Int64) -> BSONElement { BSONElement(type: .int64, content: number.littleEndianBytes) }

    static func double(_ number: Double) -> BSONElement {
        BSONElement(type: .double, content: number.bitPattern.littleEndianBytes)
    }

    static func string(_ text: String) -> BSONElement {
        let bytes: [UInt8] = Array(text.utf8)
        return BSONElement(type: .string, content: Int32(bytes.count + 1).littleEndianBytes + bytes + [0])
    }

    /// Members in this order. Keys have no U+0000: field names are checked before.
    static func document(_ members: [(key: String, value: BSONElement)]) -> BSONElement {
        var body: [UInt8] = []
        for (key, value) in members {
            precondition(!key.utf8.contains(0), "a BSON key ends at its first zero")
            body.append(value.type.rawValue)
            body += key.utf8
            body.append(0)
            body += value.content
        }
        return BSONElement(type: .document, content: Int32(body.count + 5).littleEndianBytes + body + [0])
    }

    static func array(_ items: [BSONElement]) -> BSONElement {
        let members: [(key: String, value: BSONElement)] = items.enumerated().map { ("\($0.offset)", $0.element) }
        return BSONElement(type: .array, content: document(members).content)
    }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] {
        (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
    }

    /// Of exactly as many bytes as the type has.
    init(littleEndian bytes: some BidirectionalCollection<UInt8>) {
        self = bytes.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}
