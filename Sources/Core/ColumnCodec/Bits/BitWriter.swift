/// Appends numbers of any width to bytes, the lowest bit of each first, from the lowest bit of each byte.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var waiting: UInt64 = 0
    private var waitingCount: UInt64 = 0

    /// The lowest `count` bits of `value`, 0 to 64.
    mutating func write(_ value: UInt64, _ count: Int) {
        if count > 32 {
            write(value & 0xFFFF_FFFF, 32)
            write(value >> 32, count - 32)
            return
        }
        waiting |= (value & ((1 << UInt64(count)) - 1)) << waitingCount
        waitingCount += UInt64(count)
        guard waitingCount >= 32 else { return }
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: waiting).littleEndian) { bytes += $0 }
        waiting >>= 32
        waitingCount -= 32
    }

    /// All bytes, the last filled up with zeros.
    consuming func finished() -> [UInt8] {
        for shift: UInt64 in stride(from: 0, to: waitingCount, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: waiting >> shift))
        }
        return bytes
    }
}
