/// Appends numbers to bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ byte: UInt8) { bytes.append(byte) }
    mutating func write(_ more: [UInt8]) { bytes += more }

    /// Seven bits a byte, lowest first; the highest bit says that more follow.
    mutating func write(varint value: UInt64) {
        var rest: UInt64 = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func write(signed value: Int64) { write(varint: value.zigzag) }

    /// The bits of a double, lowest byte first.
    mutating func write(_ value: Double) { write(bits: value.bitPattern) }

    mutating func write(bits: UInt64) {
        for shift: UInt64 in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
}

extension Int64 {
    /// Small numbers of either sign as small numbers: 0, -1, 1, -2, 2, …
    var zigzag: UInt64 { UInt64(bitPattern: (self << 1) ^ (self >> 63)) }

    init(zigzag value: UInt64) { self = Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1))) }
}
