/// Doubles as integers divided by a power of ten, bit for bit: 12.34 is 1234 / 10^2.
///
/// A quotient of two numbers that are exact doubles is the double nearest to the decimal number, which is what a parser
/// of "12.34" gives too. So a value that was written with few digits somewhere comes back with every bit. Multiplying
/// by 10^-2 would not do.
enum DecimalScale {
    /// 10^22 is the last power of ten that a double holds exactly.
    static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// The integer that gives `value` when it is divided by 10^`exponent`; nil where none does.
    static func mantissa(_ value: Double, _ exponent: Int) -> Int64? {
        guard exponent > 0 else {
            guard value.magnitude < 0x1p63 else { return nil }
            let whole = Int64(value)
            // -0 has no integer.
            return Double(whole).bitPattern == value.bitPattern ? whole : nil
        }
        let scaled: Double = value * powers[exponent]
        // Beyond 2^53 not every integer is a double. NaN is less than nothing.
        guard scaled.magnitude < 0x1p53 else { return nil }
        let whole = Int64(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        return (Double(whole) / powers[exponent]).bitPattern == value.bitPattern ? whole : nil
    }

    /// The exponent with which the values are shortest, where most of them have one.
    static func exponent(of values: some Collection<Double>) -> Int? {
        // How many values need which exponent; the last place counts those that have none.
        var needs = [Int](repeating: 0, count: powers.count + 1)
        for value in values { needs[powers.indices.first { mantissa(value, $0) != nil } ?? powers.count] += 1 }
        guard needs[powers.count] * 4 <= values.count else { return nil }
        // A digit is 3.3 bits of every value; a value that does not fit is 10 bytes of its own.
        var best: (cost: Int, exponent: Int) = (.max, 0)
        for exponent in powers.indices {
            let misfits: Int = needs[(exponent + 1)...].reduce(0, +)
            let cost: Int = values.count * exponent * 10 / 3 + misfits * 80
            if cost < best.cost { best = (cost, exponent) }
        }
        return best.exponent
    }
}
