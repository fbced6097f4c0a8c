extension JSONValue {
    /// RFC 8785 (JSON Canonicalization Scheme): no white space, keys sorted by UTF-16 code units, numbers as ECMAScript
    /// writes them. Non-finite numbers have no form; they become `null`, and decoding refuses them before.
    package var canonical: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    /// The canonical form as text.
    package var canonicalText: String { String(decoding: canonical, as: UTF8.self) }

    /// Appends the canonical form.
    package func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let flag): output += (flag ? "true" : "false").utf8
        case .number(let number): output += (number.isFinite ? ecmaScriptText(number) : "null").utf8
        case .string(let text): Self.write(text, to: &output)
        case .array(let items):
            output.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                item.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            let keys: [String] = members.keys.sorted(by: precedesInUTF16)
            for (index, key) in keys.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.write(key, to: &output)
                output.append(UInt8(ascii: ":"))
                members[key]?.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static let hexDigits: [UInt8] = Array("0123456789abcdef".utf8)

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var text: String = text
        text.withUTF8 { buffer in
            // Most texts have nothing to escape and go over at once.
            if buffer.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
                for byte in buffer { write(byte, to: &output) }
            } else {
                output.append(contentsOf: buffer)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func write(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): output += "\\\"".utf8
        case UInt8(ascii: "\\"): output += "\\\\".utf8
        case 0x08: output += "\\b".utf8
        case 0x09: output += "\\t".utf8
        case 0x0A: output += "\\n".utf8
        case 0x0C: output += "\\f".utf8
        case 0x0D: output += "\\r".utf8
        case 0..<0x20:
            output += "\\u00".utf8
            output.append(hexDigits[Int(byte >> 4)])
            output.append(hexDigits[Int(byte & 15)])
        default: output.append(byte)
        }
    }
}

/// Whether `left` comes before `right` by UTF-16 code units, found in their UTF-8: both orders agree but for characters
/// beyond the first plane, whose surrogates come before U+E000.
private func precedesInUTF16(_ left: String, _ right: String) -> Bool {
    /// The order of first bytes; a byte within a character is below all that are moved.
    func rank(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0xF0...: byte - 2
        case 0xEE, 0xEF: byte + 16
        default: byte
        }
    }
    var (left, right): (String, String) = (left, right)
    return left.withUTF8 { left in
        right.withUTF8 { right in
            let shorter: Int = min(left.count, right.count)
            for place in 0..<shorter where left[place] != right[place] {
                return rank(left[place]) < rank(right[place])
            }
            return left.count < right.count
        }
    }
}

/// ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20) of a finite number. Swift's description has the same shortest
/// digits; only the placing of point and exponent differs.
private func ecmaScriptText(_ number: Double) -> String {
    if number == 0 { return "0" }
    if number.magnitude < 9_007_199_254_740_992, number == number.rounded() { return "\(Int64(number))" }
    let (digits, pointPosition) = shortestDigits(number.magnitude)
    let count: Int = digits.count
    let sign: String = number < 0 ? "-" : ""
    if count <= pointPosition, pointPosition <= 21 {
        return sign + digits + String(repeating: "0", count: pointPosition - count)
    }
    if 0 < pointPosition, pointPosition <= 21 {
        return sign + digits.prefix(pointPosition) + "." + digits.dropFirst(pointPosition)
    }
    if -6 < pointPosition, pointPosition <= 0 {
        return sign + "0." + String(repeating: "0", count: -pointPosition) + digits
    }
    let exponent: Int = pointPosition - 1
    let fraction: String = count > 1 ? "." + digits.dropFirst() : ""
    return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + "\(exponent.magnitude)"
}

/// The shortest digits that read back as `number`, without leading or trailing zeros, and where the point stands in
/// them: 123 and 1 mean 1.23.
private func shortestDigits(_ number: Double) -> (digits: String, pointPosition: Int) {
    let parts: [Substring] = number.description.split(separator: "e")
    let mantissa: [Substring] = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole: Substring = mantissa[0]
    let fraction: Substring = mantissa.count > 1 ? mantissa[1] : ""
    let exponent: Int = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = String(whole + fraction)
    let leading: Int = all.prefix { $0 == "0" }.count
    var digits = Substring(all.dropFirst(leading))
    while digits.last == "0" { digits.removeLast() }
    return (String(digits), whole.count - leading + exponent)
}
