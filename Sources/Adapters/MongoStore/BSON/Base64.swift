/// RFC 4648, section 4, with padding.
enum Base64 {
    private static let alphabet: [UInt8] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: some Collection<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var group: UInt32 = 0
        var held = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            append(group, digits: 4, to: &output)
            (group, held) = (0, 0)
        }
        if held > 0 { append(group << UInt32(8 * (3 - held)), digits: held + 1, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    private static func append(_ group: UInt32, digits: Int, to output: inout [UInt8]) {
        for place in 0..<4 {
            output.append(place < digits ? alphabet[Int(group >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
        }
    }

    /// Nil where `text` is not what ``encode(_:)`` writes.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (group, held): (UInt32, Int) = (0, 0)
        for digit in text.utf8.prefix(while: { $0 != UInt8(ascii: "=") }) {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            group = group << 6 | UInt32(value)
            held += 6
            guard held >= 8 else { continue }
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(held)))
            group &= (1 << UInt32(held)) - 1
        }
        return encode(bytes) == text ? bytes : nil
    }
}
