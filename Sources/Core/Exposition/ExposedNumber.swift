/// A number as Go's `strconv.ParseFloat` takes it: decimal, hexadecimal with an exponent, `NaN`, `Inf`, `+Inf`, `-Inf`.
func exposedNumber(_ bytes: ArraySlice<UInt8>) -> Double? {
    if let plain = plainDecimal(bytes) { return plain }
    guard !bytes.isEmpty, bytes.count <= 64 else { return nil }
    let text: String = String(decoding: bytes, as: UTF8.self)
    let bare: String = text.lowercased()
    switch bare {
    case "nan", "+nan", "-nan": return .nan
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    default: break
    }
    // Swift takes "nan(…)" and what else C takes; a number has a digit first, behind its sign or point.
    guard let first = bytes.first(where: { !"+-.".utf8.contains($0) }), first &- UInt8(ascii: "0") < 10 else {
        return nil
    }
    // Too large for a double is infinite, as with Go's parser, which calls it an error: so do we.
    guard let value = Double(text), value.isFinite else { return nil }
    return value
}

/// Digits with at most one point, few enough that the result is exact: nearly all numbers, at a tenth of the cost.
private func plainDecimal(_ bytes: ArraySlice<UInt8>) -> Double? {
    var rest: ArraySlice<UInt8> = bytes
    let isNegative: Bool = rest.first == UInt8(ascii: "-")
    if isNegative { rest = rest.dropFirst() }
    // 15 digits are below 2^53, and 10^15 is exact: the quotient is the nearest double.
    guard !rest.isEmpty, rest.count <= 16 else { return nil }
    var mantissa: Int64 = 0
    var digits = 0
    var fraction: Int?
    for byte in rest {
        if byte == UInt8(ascii: "."), fraction == nil {
            fraction = 0
            continue
        }
        let digit: UInt8 = byte &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        mantissa = mantissa * 10 + Int64(digit)
        digits += 1
        if let places = fraction { fraction = places + 1 }
    }
    guard digits > 0, digits <= 15 else { return nil }
    let value: Double = Double(mantissa) / powersOfTen[fraction ?? 0]
    return isNegative ? -value : value
}

private let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
]
