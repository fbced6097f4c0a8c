import Telemetry

/// One condition on a label, `job="debug"`, as PromQL writes them.
package struct LabelMatcher: Hashable, Sendable, CustomStringConvertible {
    package enum Operation: String, CaseIterable, Hashable, Sendable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    package var label: String
    package var operation: Operation
    package var value: String

    package init(label: String, operation: Operation, value: String) {
        self.label = label
        self.operation = operation
        self.value = value
    }

    /// Nil where the text is no matcher. Whether the value of `=~` is a regular expression is not looked at.
    package init?(_ text: String) {
        let bytes: [UInt8] = Array(text.utf8)
        let name: ArraySlice<UInt8> = bytes.prefix { $0 != 0x20 && !"=!~".utf8.contains($0) }
        let rest: [UInt8] = Array(bytes.dropFirst(name.count).drop { $0 == 0x20 })
        // The longer operators first: "=~" begins with "=".
        let operations: [Operation] = [.notEqual, .matches, .matchesNot, .equal]
        guard let operation = operations.first(where: { rest.starts(with: $0.rawValue.utf8) }) else { return nil }
        let quoted: [UInt8] = Array(rest.dropFirst(operation.rawValue.utf8.count).drop { $0 == 0x20 })
        guard let value = Self.unquoted(quoted) else { return nil }
        self.init(label: String(decoding: name, as: UTF8.self), operation: operation, value: value)
    }

    /// The form that is kept: without spaces, the value in double quotes.
    package var description: String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return "\(label)\(operation.rawValue)\"\(escaped)\""
    }

    private static func unquoted(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return nil }
        var value: [UInt8] = []
        var rest: ArraySlice<UInt8> = bytes[1..<(bytes.count - 1)]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                if byte == UInt8(ascii: "\"") { return nil }
                value.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\\"): value.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "\""): value.append(UInt8(ascii: "\""))
            case UInt8(ascii: "n"): value.append(0x0A)
            default: return nil
            }
        }
        return String(validating: value, as: UTF8.self)
    }
}

extension TextRule {
    /// One condition on a label. What is kept is its description.
    static let matcher = TextRule(
        "a matcher such as job=\"debug\" or path=~\"/var/.*\"", longest: Limits.labelValueLength, isTrimmed: true
    ) { text in
        guard let matcher = LabelMatcher(text) else {
            return "expected a matcher such as job=\"debug\" or path=~\"/var/.*\": a label, one of =, !=, =~ and !~, a "
                + "value in double quotes"
        }
        return isLabelName(matcher.label) ? nil : "expected a label name before the operator"
    }
}
