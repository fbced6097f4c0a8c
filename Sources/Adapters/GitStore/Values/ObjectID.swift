/// The id of a git object: 20 bytes of SHA-1.
package struct ObjectID: Hashable, Sendable, Comparable, CustomStringConvertible {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    init(_ first: UInt64, _ second: UInt64, _ third: UInt32) {
        self.first = first
        self.second = second
        self.third = third
    }

    /// Reads 40 lower-case hexadecimal digits; nil for anything else.
    package init?(hex: String) {
        let digits: [UInt8] = Array(hex.utf8)
        guard digits.count == 40 else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for (index, digit) in digits.enumerated() {
            let value: UInt64
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = UInt64(digit - UInt8(ascii: "a")) + 10
            default: return nil
            }
            switch index {
            case 0..<16: words.0 = words.0 << 4 | value
            case 16..<32: words.1 = words.1 << 4 | value
            default: words.2 = words.2 << 4 | value
            }
        }
        self.init(words.0, words.1, UInt32(truncatingIfNeeded: words.2))
    }

    /// 40 lower-case hexadecimal digits.
    package var hex: String {
        Self.digits(of: first, count: 16) + Self.digits(of: second, count: 16)
            + Self.digits(of: UInt64(third), count: 8)
    }
    /// The first seven digits, as people read it.
    package var short: String { String(hex.prefix(7)) }

    package var description: String { hex }

    var words: (UInt64, UInt64, UInt32) { (first, second, third) }

    package static func < (left: ObjectID, right: ObjectID) -> Bool {
        (left.first, left.second, left.third) < (right.first, right.second, right.third)
    }

    private static func digits(of word: UInt64, count: Int) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: count - text.count) + text
    }
}
