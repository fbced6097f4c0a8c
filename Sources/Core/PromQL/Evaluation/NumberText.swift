/// A number as Prometheus writes it in answers: `NaN`, `+Inf`, `-Inf`, the shortest decimal digits, with an exponent
/// only below 1e-6 and from 1e21 on.
package func promNumber(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
    if number.magnitude < 1e15, number == number.rounded() {
        return number == 0 && number.sign == .minus ? "-0" : "\(Int64(number))"
    }
    // Swift's own text is the same where it has neither an exponent nor a fraction of zero: nearly always.
    let plain: String = number.description
    if !plain.utf8.contains(UInt8(ascii: "e")), !plain.hasSuffix(".0") { return plain }
    let (digits, point) = shortestDigits(number.magnitude)
    let sign: String = number < 0 ? "-" : ""
    guard number.magnitude < 1e-6 || number.magnitude >= 1e21 else { return sign + placed(digits, point) }
    let exponent: Int = point - 1
    let fraction: String = digits.count > 1 ? "." + digits.dropFirst() : ""
    return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + "\(exponent.magnitude)"
}

/// A number without an exponent, whatever its size: the form of label values made by `count_values`.
func decimalText(_ number: Double) -> String {
    guard number.isFinite, number != 0 else { return promNumber(number) }
    let (digits, point) = shortestDigits(number.magnitude)
    return (number < 0 ? "-" : "") + placed(digits, point)
}

private func placed(_ digits: String, _ point: Int) -> String {
    if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
    if point >= digits.count { return digits + String(repeating: "0", count: point - digits.count) }
    return "\(digits.prefix(point)).\(digits.dropFirst(point))"
}

/// The shortest digits that read back as `number`, without zeros at either end, and where the point stands in them:
/// 123 and 1 mean 1.23.
private func shortestDigits(_ number: Double) -> (digits: String, point: Int) {
    let parts: [Substring] = number.description.split(separator: "e")
    let mantissa: [Substring] = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let fraction: Substring = mantissa.count > 1 ? mantissa[1] : ""
    let exponent: Int = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = String(mantissa[0] + fraction)
    let leading: Int = all.prefix { $0 == "0" }.count
    var digits = Substring(all.dropFirst(leading))
    while digits.last == "0" { digits.removeLast() }
    return (String(digits), mantissa[0].count - leading + exponent)
}
