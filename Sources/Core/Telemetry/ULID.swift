/// A ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits as 26 characters of Crockford's base 32,
/// so that identifiers sort by time as text.
package struct ULID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let description: String

    private static let alphabet: [UInt8] = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    package init(time: Timestamp, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(max(0, time.milliseconds)) & ((1 << 48) - 1)
        let high: UInt64 = generator.next() & ((1 << 40) - 1)
        let low: UInt64 = generator.next() & ((1 << 40) - 1)
        let digits: [UInt8] =
            Self.digits(milliseconds, count: 10) + Self.digits(high, count: 8) + Self.digits(low, count: 8)
        description = String(decoding: digits, as: UTF8.self)
    }

    /// Reads one; nil unless it is 26 characters of the alphabet.
    package init?(_ text: String) {
        guard text.utf8.count == 26, text.utf8.allSatisfy(Self.alphabet.contains) else { return nil }
        description = text
    }

    package static func < (left: ULID, right: ULID) -> Bool { left.description < right.description }

    private static func digits(_ number: UInt64, count: Int) -> [UInt8] {
        (0..<count).reversed().map { alphabet[Int(number >> (UInt64($0) * 5)) & 31] }
    }
}
