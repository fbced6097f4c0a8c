import Telemetry

/// One word of a query, and where it begins.
struct Token: Sendable {
    var kind: Kind
    var position: Position

    enum Kind: Hashable, Sendable {
        case identifier(String)
        case number(Double)
        case duration(PromDuration)
        case string(String)
        case symbol(Symbol)
        case end
    }

    /// Operators and punctuation; the raw value is the spelling.
    enum Symbol: String, CaseIterable, Hashable, Sendable {
        case openParenthesis = "("
        case closeParenthesis = ")"
        case openBrace = "{"
        case closeBrace = "}"
        case openBracket = "["
        case closeBracket = "]"
        case comma = ","
        case colon = ":"
        case at = "@"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divided = "/"
        case modulo = "%"
        case power = "^"
        case equal = "=="
        case notEqual = "!="
        case greater = ">"
        case less = "<"
        case greaterOrEqual = ">="
        case lessOrEqual = "<="
        case assign = "="
        case matches = "=~"
        case matchesNot = "!~"
    }

    /// How an error message names the token.
    var text: String {
        switch kind {
        case .identifier(let name): "identifier \"\(name)\""
        case .number(let number): "number \(number)"
        case .duration(let duration): "duration \(duration)"
        case .string(let text): "string \"\(text)\""
        case .symbol(let symbol): "\"\(symbol.rawValue)\""
        case .end: "end of input"
        }
    }
}
