/// Reads RE2's syntax, which is what Prometheus' matchers have: no back-references and no look-around, so that
/// matching is linear in the text.
struct PatternParser {
    private let text: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private(set) var captureCount = 0
    private(set) var captureNames: [String: Int] = [:]
    private var flags: Flags

    private static let deepest = 100
    /// RE2's bound of `{n,m}`.
    private static let mostRepetitions = 1000

    struct Flags: Hashable, Sendable {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = true
        var isUngreedy = false
    }

    /// Prometheus compiles matchers with `(?s)`: the dot matches line feeds too.
    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
        flags = Flags()
    }

    mutating func tree() throws(PatternError) -> PatternTree {
        let tree: PatternTree = try choice()
        guard position == scalars.count else { throw error("unexpected )") }
        return tree
    }

    private mutating func choice() throws(PatternError) -> PatternTree {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw error("nested deeper than \(Self.deepest)") }
        var branches: [PatternTree] = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternTree {
        var items: [PatternTree] = []
        while let scalar = peek(), scalar != "|", scalar != ")" {
            let item: PatternTree = try atom()
            items.append(try repeated(item))
        }
        switch items.count {
        case 0: return .empty
        case 1: return items[0]
        default: return .sequence(items)
        }
    }

    private mutating func repeated(_ item: PatternTree) throws(PatternError) -> PatternTree {
        var bounds: (minimum: Int, maximum: Int?)
        switch peek() {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            let start: Int = position
            guard let braces = try countedBounds() else {
                position = start
                return item
            }
            bounds = braces
            position -= 1
        default: return item
        }
        position += 1
        let isLazy: Bool = take("?") != flags.isUngreedy
        if let next = peek(), next == "*" || next == "+" || next == "?" {
            throw error("invalid nested repetition operator")
        }
        return .repetition(item, minimum: bounds.minimum, maximum: bounds.maximum, isLazy: isLazy)
    }

    /// `{2}`, `{2,}`, `{2,5}`; nil where the brace is an ordinary character.
    private mutating func countedBounds() throws(PatternError) -> (minimum: Int, maximum: Int?)? {
        position += 1
        guard let minimum = integer() else { return nil }
        var maximum: Int? = minimum
        if take(",") { maximum = peek() == "}" ? nil : integer() ?? -1 }
        guard take("}"), maximum != -1 else { return nil }
        guard minimum <= Self.mostRepetitions, (maximum ?? minimum) <= Self.mostRepetitions,
            minimum <= maximum ?? minimum
        else { throw error("invalid repeat count") }
        return (minimum, maximum)
    }

    private mutating func integer() -> Int? {
        let start: Int = position
        while let scalar = peek(), scalar.isDecimal, position - start < 5 { position += 1 }
        return Int(String(String.UnicodeScalarView(scalars[start..<position])))
    }

    private mutating func atom() throws(PatternError) -> PatternTree {
        guard let scalar = peek() else { return .empty }
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracketed())
        case ".":
            let newline: [ClosedRange<UInt32>] = [0x0A...0x0A]
            return .set(
                flags.dotMatchesNewline
                    ? ScalarSet(ranges: ScalarSet.everything)
                    : ScalarSet(ranges: newline, isNegated: true))
        case "^": return flags.isMultiline ? .lineStart : .textStart
        case "$": return flags.isMultiline ? .lineEnd : .textEnd
        case "\\": return try escaped()
        case "*", "+", "?": throw error("missing argument to repetition operator: `\(scalar)`")
        default: return .set(.one(scalar.value, ignoringCase: flags.ignoresCase))
        }
    }

    // MARK: Groups

    private mutating func group() throws(PatternError) -> PatternTree {
        let outer: Flags = flags
        if take("?") {
            if peek() == "P" || (peek() == "<" && peek(1) != "=" && peek(1) != "!") { return try namedGroup(outer) }
            guard try readFlags() else { return .empty }
            let tree: PatternTree = try choice()
            try close()
            flags = outer
            return tree
        }
        captureCount += 1
        return try capture(captureCount, outer)
    }

    private mutating func namedGroup(_ outer: Flags) throws(PatternError) -> PatternTree {
        _ = take("P")
        guard take("<") else { throw error("invalid named capture") }
        let start: Int = position
        while let scalar = peek(), scalar != ">" { position += 1 }
        let name = String(String.UnicodeScalarView(scalars[start..<position]))
        guard take(">"), !name.isEmpty, captureNames[name] == nil else { throw error("invalid named capture") }
        captureCount += 1
        captureNames[name] = captureCount
        return try capture(captureCount, outer)
    }

    private mutating func capture(_ index: Int, _ outer: Flags) throws(PatternError) -> PatternTree {
        let tree: PatternTree = try choice()
        try close()
        flags = outer
        return .capture(tree, index: index)
    }

    private mutating func close() throws(PatternError) {
        guard take(")") else { throw error("missing closing )") }
    }

    /// Reads `i-s:` or `i)`; true where a group follows, false where the flags hold for the rest of the group.
    private mutating func readFlags() throws(PatternError) -> Bool {
        var value = true
        while let scalar = peek() {
            position += 1
            switch scalar {
            case "i": flags.ignoresCase = value
            case "m": flags.isMultiline = value
            case "s": flags.dotMatchesNewline = value
            case "U": flags.isUngreedy = value
            case "-": value = false
            case ":": return true
            case ")": return false
            default: throw error("invalid or unsupported Perl syntax")
            }
        }
        throw error("missing closing )")
    }

    // MARK: Escapes and classes

    private mutating func escaped() throws(PatternError) -> PatternTree {
        switch peek() {
        case "b", "B":
            position += 1
            return .wordBoundary(isNegated: scalars[position - 1] == "B")
        case "A":
            position += 1
            return .textStart
        case "z":
            position += 1
            return .textEnd
        case "Q":
            position += 1
            return quoted()
        default:
            if let ranges = try classEscape() { return .set(ScalarSet(ranges: ranges)) }
            return .set(.one(try scalarEscape(), ignoringCase: flags.ignoresCase))
        }
    }

    /// `\Q…\E`.
    private mutating func quoted() -> PatternTree {
        var items: [PatternTree] = []
        while let scalar = peek() {
            if scalar == "\\", peek(1) == "E" {
                position += 2
                break
            }
            position += 1
            items.append(.set(.one(scalar.value, ignoringCase: flags.ignoresCase)))
        }
        return .sequence(items)
    }

    /// `\d` and the like; nil where the escape is a single character.
    private mutating func classEscape() throws(PatternError) -> [ClosedRange<UInt32>]? {
        let ranges: [ClosedRange<UInt32>]
        switch peek() {
        case "d": ranges = ScalarSet.digits
        case "D": ranges = ScalarSet.complement(of: ScalarSet.digits)
        case "w": ranges = ScalarSet.wordCharacters
        case "W": ranges = ScalarSet.complement(of: ScalarSet.wordCharacters)
        case "s": ranges = ScalarSet.spaces
        case "S": ranges = ScalarSet.complement(of: ScalarSet.spaces)
        case "p", "P": throw error("Unicode classes are not supported")
        default: return nil
        }
        position += 1
        return ranges
    }

    private mutating func scalarEscape() throws(PatternError) -> UInt32 {
        guard let scalar = peek() else { throw error("trailing backslash at end of expression") }
        position += 1
        switch scalar {
        case "a": return 0x07
        case "f": return 0x0C
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "v": return 0x0B
        case "x": return try hexadecimalEscape()
        default:
            let isWord: Bool = scalar.value < 128 && UInt8(scalar.value).isLetter || scalar.isDecimal
            guard !isWord else { throw error("invalid escape sequence: `\\\(scalar)`") }
            return scalar.value
        }
    }

    private mutating func hexadecimalEscape() throws(PatternError) -> UInt32 {
        let isBraced: Bool = take("{")
        var value: UInt32 = 0
        var count = 0
        while let scalar = peek(), scalar.value < 128, let digit = UInt8(scalar.value).hexadecimalValue,
            count < (isBraced ? 6 : 2)
        {
            value = value << 4 | UInt32(digit)
            count += 1
            position += 1
        }
        guard count > 0, isBraced || count == 2, !isBraced || take("}"), value <= 0x10FFFF else {
            throw error("invalid escape sequence: `\\x`")
        }
        return value
    }

    private mutating func bracketed() throws(PatternError) -> ScalarSet {
        let isNegated: Bool = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while true {
            guard let scalar = peek() else { throw error("missing closing ]") }
            if scalar == "]", !isFirst { break }
            isFirst = false
            if scalar == "[", peek(1) == ":" {
                ranges += try namedClass()
                continue
            }
            if scalar == "\\" {
                position += 1
                if let escape = try classEscape() {
                    ranges += escape
                    continue
                }
                position -= 1
            }
            let low: UInt32 = try classScalar()
            var high: UInt32 = low
            if peek() == "-", let after = peek(1), after != "]" {
                position += 1
                high = try classScalar()
            }
            guard low <= high else { throw error("invalid character class range") }
            ranges.append(low...high)
        }
        position += 1
        return ScalarSet(ranges: ranges, isNegated: isNegated, ignoresCase: flags.ignoresCase)
    }

    private mutating func classScalar() throws(PatternError) -> UInt32 {
        guard let scalar = peek() else { throw error("missing closing ]") }
        position += 1
        return scalar == "\\" ? try scalarEscape() : scalar.value
    }

    private static let namedClasses: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0...0x7F],
        "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F], "digit": ScalarSet.digits,
        "graph": [0x21...0x7E], "lower": [0x61...0x7A], "print": [0x20...0x7E],
        "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E], "space": [0x09...0x0D, 0x20...0x20],
        "upper": [0x41...0x5A], "word": ScalarSet.wordCharacters, "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    private mutating func namedClass() throws(PatternError) -> [ClosedRange<UInt32>] {
        position += 2
        let isNegated: Bool = take("^")
        let start: Int = position
        while let scalar = peek(), scalar != ":" { position += 1 }
        let name = String(String.UnicodeScalarView(scalars[start..<position]))
        guard take(":"), take("]"), let ranges = Self.namedClasses[name] else {
            throw error("invalid character class range")
        }
        return isNegated ? ScalarSet.complement(of: ranges) : ranges
    }

    // MARK: Reading

    private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        position + ahead < scalars.count ? scalars[position + ahead] : nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        position += 1
        return true
    }

    private func error(_ message: String) -> PatternError { PatternError(message: message, pattern: text) }
}

extension Unicode.Scalar {
    fileprivate var isDecimal: Bool { self >= "0" && self <= "9" }
}
