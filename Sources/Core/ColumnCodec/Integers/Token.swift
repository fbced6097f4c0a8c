/// The alphabet of a token stream. A number that is not negative is written as a token, which says about how large it
/// is, and the bits below that. Numbers under 16 are tokens of their own; from there on a token names the place of the
/// highest bit and the bit after it. A run of zeros is one token too.
enum Token {
    /// Numbers below this are their own token.
    static let direct: UInt64 = 16
    /// 16 direct ones, and two for each of the 60 lengths from 5 to 64 bits.
    static let firstRun = 136
    /// Runs of 4 to 65,535 zeros, by the place of the highest bit of their length: 2 to 15.
    static let count = firstRun + 14
    static let shortestRun = 4

    /// The token of a number, how many bits follow it and which.
    @inline(__always) static func of(_ value: UInt64) -> (token: Int, bits: Int, rest: UInt64) {
        guard value >= direct else { return (Int(value), 0, 0) }
        let high: Int = 63 - value.leadingZeroBitCount
        let next: UInt64 = value >> UInt64(high - 1) & 1
        return (16 + (high - 4) * 2 + Int(next), high - 1, value & ((1 << UInt64(high - 1)) - 1))
    }

    static func ofRun(_ length: Int) -> (token: Int, bits: Int, rest: UInt64) {
        let high: Int = Int.bitWidth - 1 - length.leadingZeroBitCount
        return (firstRun + high - 2, high, UInt64(length) & ((1 << UInt64(high)) - 1))
    }

    /// What a decoder needs of a token in 15 bits: from the lowest, the length of its code (4), how many bits follow
    /// (6), what stands above those bits (4), and whether it is a run (1).
    static func entry(_ token: Int, _ length: UInt8) -> UInt16 {
        let (bits, high, run): (Int, Int, Int) =
            if token < 16 {
                (0, token, 0)
            } else if token < firstRun {
                ((token - 16) / 2 + 3, 2 | token & 1, 0)
            } else {
                (token - firstRun + 2, 1, 1)
            }
        return UInt16(length) | UInt16(bits) << 4 | UInt16(high) << 10 | UInt16(run) << 14
    }
}
