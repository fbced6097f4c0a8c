import Declarations

// Elements as text that leads back to exactly the same bytes: for ids, which are acknowledged by a later call or a later
// process, and for positions. MongoDB's canonical extended JSON where that is exact; else the bytes themselves in an
// object with the key `$bson`. It is written here, not by the library, because the text of an id is a key in the
// database: it must not change with a library's version.
extension BSONElement {
    var extendedJSON: JSONValue {
        let short: JSONValue? = shortForm
        if let short, BSONElement(extendedJSON: short) == self { return short }
        return ["$bson": ["type": .string("\(type.rawValue)"), "base64": .string(Base64.encode(content))]]
    }

    private var shortForm: JSONValue? {
        switch type {
        case .null: .null
        case .bool: .bool(content == [1])
        case .string: .string(BSONValues.string(content[...]))
        case .objectID: ["$oid": .string(BSONValues.hex(content))]
        case .int32: ["$numberInt": .string("\(Int32(littleEndian: content))")]
        case .int64: ["$numberLong": .string("\(Int64(littleEndian: content))")]
        case .double: ["$numberDouble": .string("\(Double(bitPattern: UInt64(littleEndian: content)))")]
        case .date: ["$date": ["$numberLong": .string("\(Int64(littleEndian: content))")]]
        case .binary where content.count >= 5:
            [
                "$binary": [
                    "base64": .string(Base64.encode(content.dropFirst(5))),
                    "subType": .string(BSONValues.hex([content[4]])),
                ]
            ]
        default: nil
        }
    }

    /// Nil where `json` is not what ``extendedJSON`` writes.
    init?(extendedJSON json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .string(let text): self = .string(text)
        case .object(let members):
            guard members.count == 1, let (key, value) = members.first,
                let element = Self.element(key, value)
            else { return nil }
            self = element
        default: return nil
        }
    }

    private static func element(_ key: String, _ value: JSONValue) -> BSONElement? {
        switch key {
        case "$oid":
            guard let bytes = value.string.flatMap(bytes(hex:)), bytes.count == 12 else { return nil }
            return BSONElement(type: .objectID, content: bytes)
        case "$numberInt": return value.string.flatMap { Int32($0) }.map { .int32($0) }
        case "$numberLong": return value.string.flatMap { Int64($0) }.map { .int64($0) }
        case "$numberDouble": return value.string.flatMap { Double($0) }.map { .double($0) }
        case "$date":
            guard let number = value["$numberLong"]?.string.flatMap({ Int64($0) }) else { return nil }
            return BSONElement(type: .date, content: number.littleEndianBytes)
        case "$binary":
            guard let bytes = value["base64"]?.string.flatMap(Base64.decode),
                let subtype = value["subType"]?.string.flatMap(bytes(hex:)), subtype.count == 1
            else { return nil }
            return BSONElement(type: .binary, content: Int32(bytes.count).littleEndianBytes + subtype + bytes)
        case "$bson":
            guard let type = value["type"]?.string.flatMap({ UInt8($0) }),
                let content = value["base64"]?.string.flatMap(Base64.decode)
            else { return nil }
            return BSONElement(type: BSONType(rawValue: type), content: content)
        default: return nil
        }
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits: [UInt8] = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[place...(place + 1)], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
