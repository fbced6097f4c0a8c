extension BSON {
    /// Where the type stands in MongoDB's order of all values; numbers compare with each other, and so on.
    package var bracket: Int {
        switch self {
        case .minKey: 1
        case .undefined, .null: 2
        case .int32, .int64, .double, .decimal128: 3
        case .string, .rawString, .symbol: 4
        case .document: 5
        case .array: 6
        case .binary: 7
        case .objectID: 8
        case .bool: 9
        case .date: 10
        case .timestamp: 11
        case .regex: 12
        case .dbPointer: 13
        case .javascript: 14
        case .javascriptWithScope: 15
        case .malformed: 16
        case .maxKey: 127
        }
    }

    /// MongoDB's order of all values, as sorting has it.
    package func isBefore(_ other: BSON) -> Bool {
        guard bracket == other.bracket else { return bracket < other.bracket }
        // Not a number is the least of them.
        if let ours = number, let theirs = other.number { return ours < theirs || (ours.isNaN && !theirs.isNaN) }
        return sortBytes.lexicographicallyPrecedes(other.sortBytes)
    }

    /// Equal in a query: numbers of different types are.
    package func equals(_ other: BSON) -> Bool {
        if let ours = number, let theirs = other.number { return ours == theirs }
        return bracket == other.bracket && sortBytes == other.sortBytes
    }

    private var number: Double? {
        switch self {
        case .int32(let number): Double(number)
        case .int64(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    private var sortBytes: [UInt8] {
        switch self {
        case .string(let text), .symbol(let text): Array(text.utf8)
        case .rawString(let bytes), .objectID(let bytes), .malformed(_, let bytes): bytes
        case .binary(let subtype, let bytes): UInt32(bytes.count).littleEndianBytes.reversed() + [subtype] + bytes
        case .bool(let flag): [flag ? 1 : 0]
        case .date(let milliseconds): (UInt64(bitPattern: milliseconds) ^ 1 << 63).littleEndianBytes.reversed()
        case .timestamp(let seconds, let increment):
            (UInt64(seconds) << 32 | UInt64(increment)).littleEndianBytes.reversed()
        default: BSONDocument([("", self)]).bytes
        }
    }

    /// The name that `$type` has for it.
    package var typeName: String {
        switch self {
        case .double: "double"
        case .string, .rawString: "string"
        case .document: "object"
        case .array: "array"
        case .binary: "binData"
        case .undefined: "undefined"
        case .objectID: "objectId"
        case .bool: "bool"
        case .date: "date"
        case .null: "null"
        case .regex: "regex"
        case .dbPointer: "dbPointer"
        case .javascript: "javascript"
        case .symbol: "symbol"
        case .javascriptWithScope: "javascriptWithScope"
        case .int32: "int"
        case .timestamp: "timestamp"
        case .int64: "long"
        case .decimal128: "decimal"
        case .minKey: "minKey"
        case .maxKey: "maxKey"
        case .malformed: "malformed"
        }
    }
}
