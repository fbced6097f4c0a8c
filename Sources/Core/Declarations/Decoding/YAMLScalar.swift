/// What a plain YAML scalar means by the core schema of YAML 1.2: `yes`, `no`, `on` and `off` are texts, not booleans.
enum YAMLScalar {
    static func resolve(_ text: String) -> SourceValue.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: return number(text).map { .number($0, text: text) } ?? .string(text)
        }
    }

    private static func number(_ text: String) -> Double? {
        let bytes: [UInt8] = Array(text.utf8)
        guard bytes.count <= 64 else { return nil }
        if text.hasPrefix("0x") { return based(bytes.dropFirst(2), 16) }
        if text.hasPrefix("0o") { return based(bytes.dropFirst(2), 8) }
        let isSigned: Bool = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
        let magnitude: ArraySlice<UInt8> = bytes.dropFirst(isSigned ? 1 : 0)
        switch String(decoding: magnitude, as: UTF8.self) {
        case ".inf", ".Inf", ".INF": return bytes.first == UInt8(ascii: "-") ? -.infinity : .infinity
        case ".nan", ".NaN", ".NAN": return isSigned ? nil : .nan
        default: return isDecimal(magnitude) ? decimal(text) : nil
        }
    }

    /// Digits beyond a double's range are an infinity, which no field takes.
    private static func decimal(_ text: String) -> Double? {
        // Swift reads neither a leading "." nor a trailing one in every form: "1." becomes "1.0".
        var padded: String = text.hasPrefix("+") ? String(text.dropFirst()) : text
        if let point = padded.firstIndex(of: ".") {
            let next: String.Index = padded.index(after: point)
            if next == padded.endIndex || !padded[next].isNumber { padded.insert("0", at: next) }
            if point == padded.startIndex || !padded[padded.index(before: point)].isNumber {
                padded.insert("0", at: point)
            }
        }
        return Double(padded)
    }

    private static func based(_ digits: ArraySlice<UInt8>, _ radix: Int) -> Double? {
        guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        guard !text.isEmpty, let number = UInt64(text, radix: radix) else { return nil }
        return Double(number)
    }

    /// `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?` or the same with `\.[0-9]+` in front.
    private static func isDecimal(_ text: ArraySlice<UInt8>) -> Bool {
        var rest: ArraySlice<UInt8> = text
        let whole: Int = dropDigits(&rest)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            guard dropDigits(&rest) + whole > 0 else { return false }
        } else if whole == 0 {
            return false
        }
        guard rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") else { return rest.isEmpty }
        rest.removeFirst()
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        return dropDigits(&rest) > 0 && rest.isEmpty
    }

    private static func dropDigits(_ text: inout ArraySlice<UInt8>) -> Int {
        let digits: Int = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        text = text.dropFirst(digits)
        return digits
    }
}
