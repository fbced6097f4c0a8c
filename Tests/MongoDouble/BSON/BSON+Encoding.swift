extension BSONDocument {
    /// The bytes that travel: length, elements, zero.
    package var bytes: [UInt8] {
        var body: [UInt8] = []
        for member in members { member.value.append(key: member.key, to: &body) }
        return Int32(body.count + 5).littleEndianBytes + body + [0]
    }
}

extension BSON {
    /// The byte that says which type it is.
    package var typeByte: UInt8 {
        switch self {
        case .double: 0x01
        case .string, .rawString: 0x02
        case .document: 0x03
        case .array: 0x04
        case .binary: 0x05
        case .undefined: 0x06
        case .objectID: 0x07
        case .bool: 0x08
        case .date: 0x09
        case .null: 0x0A
        case .regex: 0x0B
        case .dbPointer: 0x0C
        case .javascript: 0x0D
        case .symbol: 0x0E
        case .javascriptWithScope: 0x0F
        case .int32: 0x10
        case .timestamp: 0x11
        case .int64: 0x12
        case .decimal128: 0x13
        case .minKey: 0xFF
        case .maxKey: 0x7F
        case .malformed(let type, _): type
        }
    }

    fileprivate func append(key: String, to output: inout [UInt8]) {
        output.append(typeByte)
        output += Array(key.utf8) + [0]
        output += content
    }

    private var content: [UInt8] {
        switch self {
        case .double(let number): number.bitPattern.littleEndianBytes
        case .string(let text), .javascript(let text), .symbol(let text): Self.string(Array(text.utf8))
        case .rawString(let bytes): Self.string(bytes)
        case .document(let document): document.bytes
        case .array(let items): BSONDocument(items.enumerated().map { ("\($0.offset)", $0.element) }).bytes
        // Subtype 2 has its length twice.
        case .binary(2, let bytes): Int32(bytes.count + 4).littleEndianBytes + [2] + Self.counted(bytes)
        case .binary(let subtype, let bytes): Int32(bytes.count).littleEndianBytes + [subtype] + bytes
        case .undefined, .null, .minKey, .maxKey: []
        case .objectID(let bytes): bytes
        case .bool(let flag): [flag ? 1 : 0]
        case .date(let milliseconds): milliseconds.littleEndianBytes
        case .regex(let pattern, let options): Array(pattern.utf8) + [0] + Array(options.utf8) + [0]
        case .dbPointer(let namespace, let identifier): Self.string(Array(namespace.utf8)) + identifier
        case .javascriptWithScope(let code, let scope): Self.scoped(Self.string(Array(code.utf8)) + scope.bytes)
        case .int32(let number): number.littleEndianBytes
        case .timestamp(let seconds, let increment): increment.littleEndianBytes + seconds.littleEndianBytes
        case .int64(let number): number.littleEndianBytes
        case .decimal128(let high, let low): low.littleEndianBytes + high.littleEndianBytes
        case .malformed(_, let bytes): bytes
        }
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] { Int32(bytes.count + 1).littleEndianBytes + bytes + [0] }

    private static func counted(_ bytes: [UInt8]) -> [UInt8] { Int32(bytes.count).littleEndianBytes + bytes }

    private static func scoped(_ bytes: [UInt8]) -> [UInt8] { Int32(bytes.count + 4).littleEndianBytes + bytes }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
