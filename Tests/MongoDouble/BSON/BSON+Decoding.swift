/// Why bytes are not what the protocol says.
package struct WireError: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Reads little-endian values from bytes.
package struct ByteReader {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: some Collection<UInt8>) { rest = Array(bytes)[...] }

    package var isAtEnd: Bool { rest.isEmpty }

    package mutating func take(_ count: Int) throws -> [UInt8] {
        guard count >= 0, rest.count >= count else { throw WireError("\(count) bytes wanted, \(rest.count) left") }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    package mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws -> Number {
        try take(MemoryLayout<Number>.size).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    package mutating func untilZero() throws -> [UInt8] {
        guard let end = rest.firstIndex(of: 0) else { throw WireError("a text without an end") }
        defer { rest = rest[(end + 1)...] }
        return Array(rest[..<end])
    }

    package mutating func cString() throws -> String { String(decoding: try untilZero(), as: UTF8.self) }

    /// The bytes of a document, its length included.
    package mutating func document() throws -> BSONDocument {
        let length = Int(try integer(Int32.self))
        guard length >= 5 else { throw WireError("a document of \(length) bytes") }
        var body = ByteReader(try take(length - 4).dropLast())
        var document = BSONDocument()
        while !body.isAtEnd {
            let type: UInt8 = try body.integer()
            let key: String = try body.cString()
            document.members.append(BSONDocument.Member(key: key, value: try body.value(type)))
        }
        return document
    }

    private mutating func string() throws -> [UInt8] { try take(Int(try integer(Int32.self))).dropLast() }

    private mutating func text() throws -> String { String(decoding: try string(), as: UTF8.self) }

    private mutating func value(_ type: UInt8) throws -> BSON {
        switch type {
        case 0x01: return .double(Double(bitPattern: try integer()))
        case 0x02:
            let bytes: [UInt8] = try string()
            return String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .rawString(bytes)
        case 0x03: return .document(try document())
        case 0x04: return .array(try document().members.map(\.value))
        case 0x05: return try binary()
        case 0x06: return .undefined
        case 0x07: return .objectID(try take(12))
        case 0x08: return .bool(try integer(UInt8.self) == 1)
        case 0x09: return .date(try integer())
        case 0x0A: return .null
        case 0x0B: return .regex(pattern: try cString(), options: try cString())
        case 0x0C: return .dbPointer(try text(), try take(12))
        case 0x0D: return .javascript(try text())
        case 0x0E: return .symbol(try text())
        case 0x0F:
            _ = try integer(Int32.self)
            return .javascriptWithScope(try text(), try document())
        case 0x10: return .int32(try integer())
        case 0x11:
            let increment: UInt32 = try integer()
            return .timestamp(seconds: try integer(), increment: increment)
        case 0x12: return .int64(try integer())
        case 0x13:
            let low: UInt64 = try integer()
            return .decimal128(high: try integer(), low: low)
        case 0x7F: return .maxKey
        case 0xFF: return .minKey
        default: throw WireError("unknown type \(type)")
        }
    }

    private mutating func binary() throws -> BSON {
        let length = Int(try integer(Int32.self))
        let subtype: UInt8 = try integer()
        let bytes: [UInt8] = try take(length)
        return .binary(subtype: subtype, subtype == 2 ? Array(bytes.dropFirst(4)) : bytes)
    }
}
