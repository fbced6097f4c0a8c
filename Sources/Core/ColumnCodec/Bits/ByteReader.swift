/// Takes numbers from bytes that may be anything: every read is checked.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    /// `bytes` must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func byte() throws(BlockError) -> UInt8 {
        guard position < bytes.count else { throw BlockError("it ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func varint() throws(BlockError) -> UInt64 {
        var value: UInt64 = 0
        for shift: UInt64 in stride(from: 0, through: 63, by: 7) {
            let byte: UInt8 = try byte()
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw BlockError("a number is longer than 64 bits")
    }

    mutating func signed() throws(BlockError) -> Int64 { Int64(zigzag: try varint()) }

    /// A number that counts something of which there are at most `limit`.
    mutating func count(atMost limit: Int) throws(BlockError) -> Int {
        let value: UInt64 = try varint()
        guard limit >= 0, value <= UInt64(limit) else {
            throw BlockError("it counts \(value) where \(limit) are possible")
        }
        return Int(value)
    }

    mutating func bits() throws(BlockError) -> UInt64 {
        guard remaining >= 8 else { throw BlockError("it ends too early") }
        defer { position += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    mutating func double() throws(BlockError) -> Double { Double(bitPattern: try bits()) }

    /// What is left, without taking it.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[position...]) }

    mutating func skip(_ count: Int) throws(BlockError) {
        guard count >= 0, count <= remaining else { throw BlockError("it ends too early") }
        position += count
    }
}
