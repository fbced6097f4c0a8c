/// A decimal number of IEEE 754-2008 in the binary integer encoding, as BSON has it; written as the BSON specification
/// says, so that the text is the same number with the same precision: `1.10`, `1E+6`, `-Infinity`.
struct Decimal128: Hashable, Sendable, CustomStringConvertible {
    var high: UInt64
    var low: UInt64

    private var isNegative: Bool { high >> 63 == 1 }

    var description: String {
        let combination: UInt64 = high >> 58 & 0x1F
        if combination == 0x1E { return isNegative ? "-Infinity" : "Infinity" }
        if combination == 0x1F { return "NaN" }
        let sign: String = isNegative ? "-" : ""
        let (digits, exponent) = parts
        return sign + Self.text(digits, exponent: exponent)
    }

    private var parts: (digits: String, exponent: Int) {
        // Numbers whose two bits behind the sign are set would have more digits than the format holds: they are zero.
        if high >> 61 & 3 == 3 { return ("0", Int(high >> 47 & 0x3FFF) - 6176) }
        let significand = UInt128(high & 0x1_FFFF_FFFF_FFFF) << 64 | UInt128(low)
        let isTooGreat: Bool = significand > 9_999_999_999_999_999_999_999_999_999_999_999
        return (isTooGreat ? "0" : "\(significand)", Int(high >> 49 & 0x3FFF) - 6176)
    }

    /// The General Decimal Arithmetic specification's scientific string.
    private static func text(_ digits: String, exponent: Int) -> String {
        let adjusted: Int = exponent + digits.count - 1
        if exponent > 0 || adjusted < -6 {
            let fraction: String = digits.count > 1 ? "." + digits.dropFirst() : ""
            return digits.prefix(1) + fraction + "E" + (adjusted < 0 ? "-" : "+") + "\(adjusted.magnitude)"
        }
        if exponent == 0 { return digits }
        let whole: Int = digits.count + exponent
        if whole > 0 { return digits.prefix(whole) + "." + digits.dropFirst(whole) }
        return "0." + String(repeating: "0", count: -whole) + digits
    }
}
