// The texts of /proc as lines and fields of bytes. Characters would be dear: `/proc/stat` is read often, and finding
// the boundaries of characters costs more than everything else. Nothing here makes an array or a string unless asked.

typealias Bytes = ArraySlice<UInt8>

/// The lines of a text, without empty ones.
struct Lines: Sequence, IteratorProtocol {
    private let content: [UInt8]
    private var position: Int = 0

    init(_ content: [UInt8]) { self.content = content }

    mutating func next() -> Bytes? {
        let end: Int = content.count
        while position < end, content[position] == UInt8(ascii: "\n") { position += 1 }
        guard position < end else { return nil }
        let start: Int = position
        while position < end, content[position] != UInt8(ascii: "\n") { position += 1 }
        return content[start..<position]
    }
}

func lines(_ content: [UInt8]) -> Lines { Lines(content) }

/// The fields of a line between spaces and tabs, one by one.
struct Fields: Sequence, IteratorProtocol {
    /// What was not asked for yet.
    private(set) var rest: Bytes

    init(_ line: Bytes) { rest = line }

    mutating func next() -> Bytes? {
        var start: Int = rest.startIndex
        let end: Int = rest.endIndex
        while start < end, isBlank(rest[start]) { start += 1 }
        guard start < end else {
            rest = rest[end...]
            return nil
        }
        var stop: Int = start
        while stop < end, !isBlank(rest[stop]) { stop += 1 }
        defer { rest = rest[stop...] }
        return rest[start..<stop]
    }

    /// The next field as a number; nil where it is missing or none.
    mutating func nextCounter() -> UInt64? { next().flatMap(counter) }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

/// All fields of a line; for lines that are read seldom.
func fields(_ line: Bytes) -> [Bytes] { Array(Fields(line)) }

func text(_ bytes: Bytes) -> String { String(decoding: bytes, as: UTF8.self) }

extension Bytes {
    func equals(_ other: StaticString) -> Bool {
        guard count == other.utf8CodeUnitCount else { return false }
        let pointer: UnsafePointer<UInt8> = other.utf8Start
        var place = 0
        for byte in self {
            if byte != pointer[place] { return false }
            place += 1
        }
        return true
    }

    func begins(with other: StaticString) -> Bool {
        count >= other.utf8CodeUnitCount && prefix(other.utf8CodeUnitCount).equals(other)
    }

    /// Without white space around it.
    var trimmed: Bytes {
        func isWhite(_ byte: UInt8) -> Bool { byte <= 0x20 }
        var result: Bytes = self
        while let first = result.first, isWhite(first) { result.removeFirst() }
        while let last = result.last, isWhite(last) { result.removeLast() }
        return result
    }

    /// A small number that differs between the few texts that one place of a file can hold.
    var fingerprint: Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return Int(truncatingIfNeeded: hash)
    }
}

/// A counter of the kernel; nil where the bytes are none.
func counter(_ bytes: Bytes) -> UInt64? {
    guard !bytes.isEmpty, bytes.count <= 20 else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
        let digit: UInt8 = byte &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
        guard !overflow, !carry else { return nil }
        value = sum
    }
    return value
}

/// A whole number with or without a sign.
func integer(_ bytes: Bytes) -> Int64? {
    guard bytes.first == UInt8(ascii: "-") else { return counter(bytes).flatMap { Int64(exactly: $0) } }
    return counter(bytes.dropFirst()).flatMap { Int64(exactly: $0) }.map { -$0 }
}

/// A number in hexadecimal, with or without `0x`.
func hexadecimalCounter(_ bytes: Bytes) -> UInt64? {
    let digits: Bytes = bytes.begins(with: "0x") ? bytes.dropFirst(2) : bytes
    guard !digits.isEmpty, digits.count <= 16 else { return nil }
    var value: UInt64 = 0
    for byte in digits {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt64(byte - UInt8(ascii: "A") + 10)
        default: return nil
        }
    }
    return value
}

/// A finite decimal number.
func decimal(_ bytes: Bytes) -> Double? {
    if let whole = integer(bytes) { return Double(whole) }
    guard bytes.count <= 40, let value = Double(text(bytes)), value.isFinite else { return nil }
    return value
}

/// Bytes as a label value: what is not UTF-8 becomes U+FFFD, as node_exporter has it, and the length is bounded.
func label(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix(1024), as: UTF8.self)
}

/// Bytes for an error message: short, and without what would break a line.
func quoted(_ bytes: Bytes) -> String {
    let printable: [UInt8] = bytes.prefix(40).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
    return "\"\(String(decoding: printable, as: UTF8.self))\(bytes.count > 40 ? "…" : "")\""
}
