/// Takes numbers of any width from bytes that may be anything. Past the end it reads zeros; who is done asks
/// ``isWithin`` once, instead of being checked at every number.
struct BitReader {
    private let base: UnsafeRawPointer?
    private let count: Int
    private(set) var position = 0

    /// `bytes` must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer) {
        base = bytes.baseAddress
        count = bytes.count
    }

    /// No bit was taken from behind the end.
    var isWithin: Bool { position <= count &* 8 }

    /// Whole bytes that were taken, the last perhaps in part.
    var bytesTaken: Int { (position &+ 7) / 8 }

    /// At least the next 57 bits, without taking them.
    @inline(__always) var peek: UInt64 {
        let offset: Int = position &>> 3
        guard let base, offset &+ 8 <= count else { return peekAtEnd(offset) }
        let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        return word &>> UInt64(truncatingIfNeeded: position & 7)
    }

    /// The last bytes, one by one, with zeros behind them.
    @inline(never) private func peekAtEnd(_ offset: Int) -> UInt64 {
        guard let base, offset < count else { return 0 }
        var word: UInt64 = 0
        for place in offset..<count {
            word |= UInt64(base.load(fromByteOffset: place, as: UInt8.self)) << UInt64((place - offset) * 8)
        }
        return word &>> UInt64(truncatingIfNeeded: position & 7)
    }

    /// At most 57, from what was peeked.
    @inline(__always) mutating func take(_ bits: Int) { position &+= bits }

    /// A number of 0 to 64 bits.
    @inline(__always) mutating func read(_ bits: Int) -> UInt64 {
        if bits <= 56 {
            let value: UInt64 = peek & ((1 &<< UInt64(truncatingIfNeeded: bits)) &- 1)
            take(bits)
            return value
        }
        let low: UInt64 = peek & 0xFFFF_FFFF
        take(32)
        let high: UInt64 = peek & ((1 &<< UInt64(truncatingIfNeeded: bits &- 32)) &- 1)
        take(bits &- 32)
        return low | high &<< 32
    }
}
