import Telemetry

/// Writes the form's numbers and texts.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ byte: UInt8) { bytes.append(byte) }
    mutating func write(_ content: some Collection<UInt8>) { bytes.append(contentsOf: content) }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    mutating func writeNumber(_ number: UInt64) {
        var rest: UInt64 = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func writeNumber(_ number: Int) { writeNumber(UInt64(number)) }

    /// Small magnitudes of either sign are small numbers.
    mutating func writeSigned(_ number: Int64) { writeNumber(number.zigzag) }

    /// The length in bytes, then UTF-8.
    mutating func writeText(_ text: String) {
        writeNumber(text.utf8.count)
        write(text.utf8)
    }

    mutating func write(_ hash: LayoutHash) {
        writeWord(hash.high)
        writeWord(hash.low)
    }

    /// Eight bytes, the highest first.
    mutating func writeWord(_ word: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { write(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
}

extension Int64 {
    var zigzag: UInt64 { UInt64(bitPattern: (self << 1) ^ (self >> 63)) }

    init(zigzag number: UInt64) { self = Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1) }

    /// How many bytes ``ByteWriter/writeSigned(_:)`` takes.
    var signedLength: Int { Swift.max(1, (70 - zigzag.leadingZeroBitCount) / 7) }
}

/// Reads the form's numbers and texts. Every read is held to the end of the bytes; nothing traps, whatever they are.
///
/// The memory must outlive the reader: it lives inside `withUnsafeBytes`.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    let end: Int

    init(_ bytes: UnsafeRawBufferPointer) { self.init(bytes, 0..<bytes.count) }

    private init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - position }

    func failure(_ what: String) -> FrameFormatError { .at(position, what) }

    @inline(__always) mutating func byte() throws(FrameFormatError) -> UInt8 {
        guard position < end else { throw failure("the body ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    @inline(__always) mutating func number() throws(FrameFormatError) -> UInt64 {
        if position < end, bytes[position] < 0x80 {
            defer { position += 1 }
            return UInt64(bytes[position])
        }
        return try longNumber()
    }

    private mutating func longNumber() throws(FrameFormatError) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte: UInt8 = try byte()
            guard shift < 63 || byte <= 1 else { throw failure("a number of more than 64 bits") }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
    }

    @inline(__always) mutating func signed() throws(FrameFormatError) -> Int64 { Int64(zigzag: try number()) }

    /// A number of things that is at most `limit`.
    mutating func count(atMost limit: Int, _ what: String) throws(FrameFormatError) -> Int {
        let start: Int = position
        let number: UInt64 = try number()
        guard number <= UInt64(limit) else { throw .at(start, "\(number) \(what); at most \(limit) are read") }
        return Int(number)
    }

    /// The next `count` bytes, as a reader of their own.
    mutating func part(_ count: Int) throws(FrameFormatError) -> ByteReader {
        guard count <= remaining else { throw failure("the body ends too early") }
        defer { position += count }
        return ByteReader(bytes, position..<(position + count))
    }

    /// The memory of what is left.
    var memory: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[position..<end]) }

    /// What is left.
    var content: [UInt8] { Array(bytes[position..<end]) }

    /// A text with its length before it; nil where it is no UTF-8.
    mutating func text() throws(FrameFormatError) -> String? {
        let length: Int = try count(atMost: remaining, "bytes of text")
        let part: ByteReader = try part(length)
        return String(validating: bytes[part.position..<part.end], as: UTF8.self)
    }

    mutating func hash() throws(FrameFormatError) -> LayoutHash {
        LayoutHash(high: try bits(8, shift: 0), low: try bits(8, shift: 0))
    }

    /// `count` bytes, the first the highest of eight that are shifted down by `shift` bytes.
    mutating func bits(_ count: Int, shift: Int) throws(FrameFormatError) -> UInt64 {
        var bits: UInt64 = 0
        for _ in 0..<count { bits = bits << 8 | UInt64(try byte()) }
        return bits << UInt64(8 * shift)
    }
}

/// Numbers that were packed into the same number of bits each.
struct PackedReader {
    private let base: Int64
    private let width: Int
    private let memory: UnsafeRawBufferPointer
    private var position = 0

    /// Takes the base, the width and the bits of `count` numbers.
    init(_ reader: inout ByteReader, count: Int) throws(FrameFormatError) {
        base = try reader.signed()
        width = try reader.count(atMost: 64, "bits a number")
        memory = try reader.part((count * width + 7) / 8).memory
    }

    /// Must not be asked for more than there are.
    @inline(__always) mutating func next() -> Int64 {
        let (byte, bit): (Int, Int) = (position >> 3, position & 7)
        position += width
        guard byte + 8 <= memory.count, width <= 56 else { return slow(byte, bit) }
        let word = UInt64(littleEndian: memory.loadUnaligned(fromByteOffset: byte, as: UInt64.self))
        return base &+ Int64(bitPattern: (word >> UInt64(bit)) & ((1 << UInt64(width)) - 1))
    }

    private func slow(_ byte: Int, _ bit: Int) -> Int64 {
        var number: UInt64 = 0
        var have = 0
        var (byte, bit): (Int, Int) = (byte, bit)
        while have < width {
            let taken: Int = min(8 - bit, width - have)
            let bits: UInt64 = (UInt64(memory[byte]) >> UInt64(bit)) & ((1 << UInt64(taken)) - 1)
            number |= bits << UInt64(have)
            (have, byte, bit) = (have + taken, byte + 1, 0)
        }
        return base &+ Int64(bitPattern: number)
    }
}
