/// How the values of a column become whole numbers: the low five bits of the column's form.
struct Scale: Hashable, Sendable {
    /// 0–15: tenths to that power. 16–30: multiples of 2 to the power of `code - 15`. 31: the values' own bits.
    var code: UInt8

    static let whole = Scale(code: 0)
    static let bits = Scale(code: 31)
    static let mostDecimals = 15

    init(code: UInt8) { self.code = code }
    init(decimals: Int) { code = UInt8(decimals) }
    init(shift: Int) { code = UInt8(15 + shift) }

    /// Powers of ten that a double holds exactly; a whole number below 2^53 divided by one of them is rounded once, so
    /// that encoder and decoder agree to the last bit.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    private var isShift: Bool { code >= 16 && code <= 30 }

    /// What a whole number stands for is the number divided by this: exact for powers of two.
    var divisor: Double { isShift ? 1 / Double(1 << (Int(code) - 15)) : Self.powers[min(Int(code), 15)] }

    /// The whole number that stands for a value; nil where none does to the last bit.
    func whole(_ value: Double) -> Int64? {
        let scaled: Double = (value * divisor).rounded()
        guard scaled.magnitude < 9_007_199_254_740_992 else { return nil }
        let whole = Int64(scaled)
        return (Double(whole) / divisor).bitPattern == value.bitPattern ? whole : nil
    }
}
