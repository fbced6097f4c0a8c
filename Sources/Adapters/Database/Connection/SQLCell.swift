package import Declarations
package import Telemetry

/// One value of a row. Each getter is nil for NULL and for what does not have its form.
package struct SQLCell: Sendable {
    let storage: SQLResultStorage
    let column: Int
    let cell: Int

    package var isNull: Bool { storage.lengths[cell] < 0 }

    private var isBinary: Bool { storage.isBinary[column] }

    /// The bytes as they came from the server: text or PostgreSQL's binary form.
    package var raw: ArraySlice<UInt8>? {
        let length = Int(storage.lengths[cell])
        guard length >= 0 else { return nil }
        let start: Int = storage.starts[cell]
        return storage.bytes[start..<(start + length)]
    }

    /// The bytes as they came from the server, without a copy; empty for NULL.
    package func withRawBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        let length = Int(max(0, storage.lengths[cell]))
        let start: Int = storage.starts[cell]
        let bytes: [UInt8] = storage.bytes
        return unsafe body(bytes.span.bytes.extracting(start..<(start + length)))
    }

    package var string: String? { raw.map { String(decoding: $0, as: UTF8.self) } }

    package var int: Int? {
        guard let raw else { return nil }
        if isBinary { return BinaryForm.integer(raw) }
        return Int(String(decoding: raw, as: UTF8.self))
    }

    package var double: Double? {
        guard let raw else { return nil }
        if isBinary { return BinaryForm.double(raw) }
        return Double(String(decoding: raw, as: UTF8.self))
    }

    package var bool: Bool? {
        guard let first = raw?.first else { return nil }
        if isBinary { return first != 0 }
        switch first {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: return nil
        }
    }

    package var time: Timestamp? {
        guard let raw else { return nil }
        if isBinary { return BinaryForm.time(raw) }
        // The session is in UTC: `2026-11-21 00:07:08.5+00`. RFC 3339 wants minutes in the offset.
        let text = String(decoding: raw, as: UTF8.self)
        return Timestamp(rfc3339: text.hasSuffix("+00") ? text + ":00" : text)
    }

    package var json: JSONValue? {
        guard let raw else { return nil }
        // jsonb's binary form is a version byte, 1, before the text; json's is the text.
        let text: ArraySlice<UInt8> = isBinary && raw.first == 1 ? raw.dropFirst() : raw
        return try? JSONValue(parsing: text)
    }

    /// The content of a `bytea`.
    package var bytes: [UInt8]? {
        guard let raw else { return nil }
        return isBinary ? Array(raw) : TextForm.bytes(raw)
    }

    /// The elements of a `text[]` in text form; NULL elements are left out.
    package var strings: [String]? {
        guard let raw, !isBinary else { return nil }
        return TextForm.array(raw)?.compactMap { $0 }
    }

    /// The elements of an integer array (`int2[]`, `int4[]`, `int8[]`).
    package var integers: [Int?]? {
        guard let raw else { return nil }
        if isBinary { return BinaryForm.array(raw, BinaryForm.integer) }
        return TextForm.array(raw)?.map { $0.flatMap { Int($0) } }
    }

    /// The elements of a `float8[]`.
    package var doubles: [Double?]? {
        guard let raw else { return nil }
        if isBinary { return BinaryForm.array(raw, BinaryForm.double) }
        return TextForm.array(raw)?.map { $0.flatMap { Double($0) } }
    }

    /// Visits the elements of a `float8[]` in binary form, without an allocation; false where it is not one.
    package func forEachDouble(_ visit: (_ index: Int, _ value: Double?) -> Void) -> Bool {
        guard isBinary, !isNull else { return false }
        return withRawBytes { BinaryForm.forEachDouble($0, visit) }
    }

    /// One element (from 0) of a `float8[]` in binary form; nil where it is NULL or past the end. Constant time as long
    /// as the array has no NULL before it.
    package func doubleElement(_ index: Int) -> Double? {
        guard isBinary, !isNull else { return nil }
        return withRawBytes { BinaryForm.doubleElement($0, index) }
    }
}

/// PostgreSQL's binary forms: big-endian (`src/backend/utils/adt/*send`).
enum BinaryForm {
    /// 2000-01-01 in seconds since 1970: PostgreSQL's zero.
    private static let epochSeconds: Int64 = 946_684_800

    static func integer(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count == 2 || bytes.count == 4 || bytes.count == 8, let first = bytes.first else { return nil }
        var number: Int64 = first >= 0x80 ? -1 : 0
        for byte in bytes { number = number << 8 | Int64(byte) }
        return Int(number)
    }

    static func double(_ bytes: ArraySlice<UInt8>) -> Double? {
        guard bytes.count == 8 || bytes.count == 4 else { return nil }
        var pattern: UInt64 = 0
        for byte in bytes { pattern = pattern << 8 | UInt64(byte) }
        return bytes.count == 8
            ? Double(bitPattern: pattern) : Double(Float(bitPattern: UInt32(truncatingIfNeeded: pattern)))
    }

    static func time(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
        guard bytes.count == 8, let microseconds = integer(bytes) else { return nil }
        let (sum, overflow) = Int64(microseconds).addingReportingOverflow(epochSeconds * 1_000_000)
        return overflow ? nil : Timestamp(microseconds: sum)
    }

    /// Header of an array: dimensions, flags, element type, then length and lower bound of each dimension.
    private static let headerLength = 20

    static func array<Element>(
        _ bytes: ArraySlice<UInt8>, _ element: (ArraySlice<UInt8>) -> Element?
    ) -> [Element?]? {
        guard bytes.count >= 12, let dimensions = integer(bytes.prefix(4)) else { return nil }
        if dimensions == 0 { return [] }
        let start: Int = bytes.startIndex
        guard dimensions == 1, bytes.count >= headerLength, let count = integer(bytes[(start + 12)..<(start + 16)])
        else { return nil }
        var elements: [Element?] = []
        var position: Int = start + headerLength
        for _ in 0..<max(0, count) {
            guard position + 4 <= bytes.endIndex, let length = integer(bytes[position..<(position + 4)]) else {
                return nil
            }
            position += 4
            guard length >= 0 else {
                elements.append(nil)
                continue
            }
            guard position + length <= bytes.endIndex, let value = element(bytes[position..<(position + length)])
            else { return nil }
            elements.append(value)
            position += length
        }
        return elements
    }

    static func forEachDouble(_ bytes: RawSpan, _ visit: (Int, Double?) -> Void) -> Bool {
        guard bytes.byteCount >= 12 else { return false }
        let dimensions: Int32 = int32(bytes, at: 0)
        if dimensions == 0 { return true }
        guard dimensions == 1, bytes.byteCount >= headerLength else { return false }
        let count = Int(int32(bytes, at: 12))
        var position: Int = headerLength
        for index in 0..<max(0, count) {
            guard position + 4 <= bytes.byteCount else { return false }
            let length: Int32 = int32(bytes, at: position)
            position += 4
            if length < 0 {
                visit(index, nil)
            } else {
                guard length == 8, position + 8 <= bytes.byteCount else { return false }
                visit(index, double(bytes, at: position))
                position += 8
            }
        }
        return true
    }

    static func doubleElement(_ bytes: RawSpan, _ index: Int) -> Double? {
        guard bytes.byteCount >= headerLength, int32(bytes, at: 0) == 1 else { return nil }
        let count = Int(int32(bytes, at: 12))
        guard index >= 0, index < count else { return nil }
        if int32(bytes, at: 4) == 0 {
            let position: Int = headerLength + index * 12 + 4
            return position + 8 <= bytes.byteCount ? double(bytes, at: position) : nil
        }
        var found: Double?
        _ = forEachDouble(bytes) { if $0 == index { found = $1 } }
        return found
    }

    // The loads check bounds; what is "unsafe" about them is only the type, and integers have no invalid bits.

    private static func int32(_ bytes: RawSpan, at position: Int) -> Int32 {
        Int32(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: Int32.self))
    }

    private static func double(_ bytes: RawSpan, at position: Int) -> Double {
        let pattern: UInt64 = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
        return Double(bitPattern: UInt64(bigEndian: pattern))
    }
}

/// PostgreSQL's text forms that need more than a conversion.
enum TextForm {
    /// `\x6869`.
    static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")])
        else { return nil }
        var content: [UInt8] = []
        content.reserveCapacity(text.count / 2 - 1)
        var position: Int = text.startIndex + 2
        while position < text.endIndex {
            guard let high = Character(Unicode.Scalar(text[position])).hexDigitValue,
                let low = Character(Unicode.Scalar(text[position + 1])).hexDigitValue
            else { return nil }
            content.append(UInt8(high << 4 | low))
            position += 2
        }
        return content
    }

    /// `{a,"b c",NULL}`, one dimension.
    static func array(_ text: ArraySlice<UInt8>) -> [String?]? {
        guard text.first == UInt8(ascii: "{"), text.last == UInt8(ascii: "}"), text.count >= 2 else { return nil }
        var elements: [String?] = []
        var position: Int = text.startIndex + 1
        let end: Int = text.endIndex - 1
        while position < end {
            var content: [UInt8] = []
            var isQuoted = false
            var insideQuotes = false
            while position < end, insideQuotes || text[position] != UInt8(ascii: ",") {
                switch text[position] {
                case UInt8(ascii: "\""):
                    isQuoted = true
                    insideQuotes.toggle()
                case UInt8(ascii: "\\") where position + 1 < end:
                    position += 1
                    content.append(text[position])
                case let byte: content.append(byte)
                }
                position += 1
            }
            let element = String(decoding: content, as: UTF8.self)
            elements.append(!isQuoted && element == "NULL" ? nil : element)
            position += 1
        }
        return elements
    }
}
