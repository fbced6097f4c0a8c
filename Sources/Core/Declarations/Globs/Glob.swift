/// A shell glob over a whole text: `*` any characters, `?` one, `[a-z]` and `[!a-z]` one of a set, `\` takes the next
/// character as it is. `*` matches `/` too.
///
/// Matching takes at most pattern × text steps, whatever the pattern.
package struct Glob: Hashable, Sendable {
    private let tokens: [Token]

    private enum Token: Hashable, Sendable {
        case one(Unicode.Scalar)
        case anyOne
        case any
        case member(of: [ClosedRange<Unicode.Scalar>], negated: Bool)

        func matches(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .one(let expected): scalar == expected
            case .anyOne, .any: true
            case .member(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
            }
        }
    }

    /// A pattern that ``objection(to:)`` has something against matches only itself.
    package init(_ pattern: String) {
        tokens = Self.tokens(of: pattern) ?? pattern.unicodeScalars.map(Token.one)
    }

    /// Why `pattern` is malformed; nil where it is not.
    package static func objection(to pattern: String) -> String? {
        tokens(of: pattern) == nil ? "the glob has a [ without its ], or ends in a backslash" : nil
    }

    /// The only text that the pattern matches, where it has no wildcard.
    package var literal: String? {
        var text = String.UnicodeScalarView()
        for token in tokens {
            guard case .one(let scalar) = token else { return nil }
            text.append(scalar)
        }
        return String(text)
    }

    package func matches(_ text: some StringProtocol) -> Bool {
        let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
        return matchesWithStars(tokens, isStar: { $0 == .any }, scalars) { $0.matches($1) }
    }

    private static func tokens(of pattern: String) -> [Token]? {
        var tokens: [Token] = []
        var rest = pattern.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": tokens.append(.any)
            case "?": tokens.append(.anyOne)
            case "[":
                guard let token = member(&rest) else { return nil }
                tokens.append(token)
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                tokens.append(.one(next))
            default: tokens.append(.one(scalar))
            }
        }
        return tokens
    }

    /// Reads a set behind its `[`.
    private static func member(_ rest: inout Substring.UnicodeScalarView) -> Token? {
        let negated: Bool = rest.first == "!" || rest.first == "^"
        if negated { rest.removeFirst() }
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while var low = rest.popFirst() {
            if low == "]", !ranges.isEmpty { return .member(of: ranges, negated: negated) }
            if low == "\\" {
                guard let next = rest.popFirst() else { return nil }
                low = next
            }
            guard rest.first == "-", let high = rest.dropFirst().first, high != "]" else {
                ranges.append(low...low)
                continue
            }
            rest.removeFirst(2)
            guard low <= high else { return nil }
            ranges.append(low...high)
        }
        return nil
    }
}

/// Whether `items` match `pattern`, in which a star stands for any number of items. Only the last star seen is ever
/// widened, so the cost is at most pattern × items.
func matchesWithStars<Token, Item>(
    _ pattern: [Token], isStar: (Token) -> Bool, _ items: [Item], matches: (Token, Item) -> Bool
) -> Bool {
    var token = 0
    var item = 0
    var retry: (token: Int, item: Int)?
    while item < items.count {
        if token < pattern.count, isStar(pattern[token]) {
            retry = (token + 1, item)
            token += 1
        } else if token < pattern.count, matches(pattern[token], items[item]) {
            token += 1
            item += 1
        } else if let last = retry {
            retry = (last.token, last.item + 1)
            token = last.token
            item = last.item + 1
        } else {
            return false
        }
    }
    return pattern[token...].allSatisfy(isStar)
}
