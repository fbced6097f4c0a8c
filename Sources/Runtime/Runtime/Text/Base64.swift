/// Base 64 of RFC 4648, with its standard alphabet.
package enum Base64 {
    /// The bytes of a text, with or without padding; nil where it is none.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits: Substring.UTF8View.SubSequence = Substring(text).utf8.trimmingSuffix("=")
        guard digits.count % 4 != 1, text.utf8.count - digits.count <= 2 else { return nil }
        var bytes: [UInt8] = []
        var waiting: UInt32 = 0
        var bits = 0
        for digit in digits {
            guard let value = value(of: digit) else { return nil }
            waiting = waiting << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: waiting >> bits))
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

extension Substring.UTF8View {
    fileprivate func trimmingSuffix(_ character: Unicode.Scalar) -> SubSequence {
        var end: Index = endIndex
        while end > startIndex, self[index(before: end)] == UInt8(ascii: character) { end = index(before: end) }
        return self[..<end]
    }
}
