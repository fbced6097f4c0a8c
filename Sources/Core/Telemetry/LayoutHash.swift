/// The name of a list of series: the first 16 bytes of the SHA-256 of its definition in the compact form
/// (`docs/formats/frames.md`).
package struct LayoutHash: Hashable, Sendable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package static let byteCount = 16

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Of a definition's bytes.
    package init(_ definition: [UInt8], sha256: ([UInt8]) -> [UInt8]) {
        let digest: [UInt8] = sha256(definition)
        precondition(digest.count >= Self.byteCount, "a SHA-256 has 32 bytes")
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// From its 32 hexadecimal digits.
    package init?(hexadecimal text: String) {
        let digits: [UInt8] = Array(text.utf8)
        guard digits.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits.
    package var description: String { Self.digits(high) + Self.digits(low) }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
