import Telemetry

/// Reads tokens into a tree by precedence climbing, checking types as it goes.
struct Parser {
    private let tokens: [Token]
    private var index = 0
    private var nesting = 0
    var selectors: [VectorSelector] = []

    /// Bounds recursion here and in the evaluator: a query must not cost the process its stack.
    private static let deepest = 150

    /// A node with what its surroundings need to know of it.
    struct Parsed {
        var node: Node
        var type: ValueType
        var position: Position
        var depth = 1
        /// Modifiers do not reach through parentheses: `(up) offset 5m` is an error.
        var isParenthesised = false
    }

    init(_ tokens: [Token]) { self.tokens = tokens }

    mutating func expression() throws(PromQLError) -> Expression {
        guard current.kind != .end else { throw error("no expression found in input") }
        let parsed: Parsed = try binary(atLeast: 1)
        guard current.kind == .end else { throw unexpected("after the expression") }
        return Expression(type: parsed.type, selectors: selectors, node: parsed.node)
    }

    // MARK: Operators

    mutating func binary(atLeast lowest: Int) throws(PromQLError) -> Parsed {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= Self.deepest else { throw tooDeep() }
        var left: Parsed = try unary()
        while let operation = binaryOperator(), operation.precedence >= lowest {
            let position: Position = current.position
            index += 1
            let (returnsBool, matching) = try modifiers(operation)
            // `^` binds to the right: 2 ^ 3 ^ 2 is 2 ^ (3 ^ 2).
            let right: Parsed = try binary(
                atLeast: operation == .power ? operation.precedence : operation.precedence + 1)
            let operands = Operands(left: left, right: right, returnsBool: returnsBool)
            left = try join(operation, operands, matching, at: position)
        }
        return left
    }

    private mutating func unary() throws(PromQLError) -> Parsed {
        let position: Position = current.position
        let isNegative: Bool = current.kind == .symbol(.minus)
        guard isNegative || current.kind == .symbol(.plus) else { return try postfix() }
        index += 1
        // Signs bind looser than `^` and tighter than `*`: -1 ^ 2 is -1.
        var operand: Parsed = try binary(atLeast: BinaryOperator.power.precedence)
        guard operand.type == .scalar || operand.type == .vector else {
            throw PromQLError(
                .syntax,
                "unary expression only allowed on expressions of type scalar or instant vector, got "
                    + "\"\(operand.type.text)\"", at: operand.position)
        }
        operand.position = position
        operand.isParenthesised = true
        guard isNegative else { return operand }
        if case .number(let number) = operand.node {
            operand.node = .number(-number)
        } else {
            operand.node = .negation(operand.node)
            operand.depth += 1
        }
        return try limited(operand)
    }

    private func binaryOperator() -> BinaryOperator? {
        switch current.kind {
        case .symbol(let symbol): BinaryOperator(rawValue: symbol.rawValue)
        case .identifier(let name):
            switch name.lowercased() {
            case "and": .and
            case "or": .or
            case "unless": .unless
            case "atan2": .atan2
            default: nil
            }
        default: nil
        }
    }

    private struct Operands {
        var left: Parsed
        var right: Parsed
        var returnsBool: Bool
    }

    private struct Matching {
        var value = VectorMatching()
        var isExplicit = false
        var position = Position(line: 1, column: 1)
    }

    /// `bool`, `on (…)`, `ignoring (…)`, `group_left (…)`, `group_right (…)`.
    private mutating func modifiers(_ operation: BinaryOperator) throws(PromQLError) -> (Bool, Matching) {
        var matching = Matching()
        var returnsBool = false
        if takeKeyword("bool") {
            guard operation.isComparison else {
                index -= 1
                throw error("bool modifier can only be used on comparison operators")
            }
            returnsBool = true
        }
        matching.position = current.position
        guard isKeyword("on") || isKeyword("ignoring") else { return (returnsBool, matching) }
        matching.isExplicit = true
        matching.value.isOn = takeKeyword("on")
        if !matching.value.isOn { index += 1 }
        matching.value.labels = Set(try labelList())
        guard isKeyword("group_left") || isKeyword("group_right") else { return (returnsBool, matching) }
        guard !operation.isSetOperator else {
            throw error("no grouping allowed for \"\(operation.rawValue)\" operation")
        }
        matching.value.cardinality = takeKeyword("group_left") ? .manyToOne : .oneToMany
        if matching.value.cardinality == .oneToMany { index += 1 }
        if current.kind == .symbol(.openParenthesis) {
            let position: Position = current.position
            matching.value.included = try labelList()
            if matching.value.isOn, let both = matching.value.included.first(where: matching.value.labels.contains) {
                throw PromQLError(
                    .syntax, "label \"\(both)\" must not occur in ON and GROUP clause at once", at: position)
            }
        }
        return (returnsBool, matching)
    }

    private func join(
        _ operation: BinaryOperator, _ operands: Operands, _ matching: Matching, at position: Position
    ) throws(PromQLError) -> Parsed {
        let (left, right) = (operands.left, operands.right)
        for side in [left, right] where side.type != .scalar && side.type != .vector {
            throw PromQLError(
                .syntax,
                "binary expression must contain only scalar and instant vector types, got a "
                    + side.type.text, at: side.position)
        }
        let bothScalar: Bool = left.type == .scalar && right.type == .scalar
        if operation.isComparison, bothScalar, !operands.returnsBool {
            throw PromQLError(.syntax, "comparisons between scalars must use BOOL modifier", at: position)
        }
        if operation.isSetOperator, left.type == .scalar || right.type == .scalar {
            throw PromQLError(
                .syntax, "set operator \"\(operation.rawValue)\" not allowed in binary scalar expression",
                at: position)
        }
        if matching.isExplicit, left.type != .vector || right.type != .vector {
            throw PromQLError(
                .syntax, "vector matching only allowed between instant vectors", at: matching.position)
        }
        let binary = Binary(
            operation: operation, left: left.node, right: right.node, leftType: left.type, rightType: right.type,
            returnsBool: operands.returnsBool, matching: matching.value)
        return try limited(
            Parsed(
                node: .binary(binary), type: bothScalar ? .scalar : .vector, position: left.position,
                depth: max(left.depth, right.depth) + 1, isParenthesised: true))
    }

    // MARK: What the other files of the parser use

    var current: Token { tokens[min(index, tokens.count - 1)] }
    var following: Token { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() { index += 1 }

    mutating func take(_ symbol: Token.Symbol) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    mutating func expect(_ symbol: Token.Symbol, _ place: String) throws(PromQLError) {
        guard take(symbol) else { throw unexpected("\(place), expected \"\(symbol.rawValue)\"") }
    }

    func isKeyword(_ word: String) -> Bool {
        guard case .identifier(let name) = current.kind else { return false }
        return name.lowercased() == word
    }

    mutating func takeKeyword(_ word: String) -> Bool {
        guard isKeyword(word) else { return false }
        index += 1
        return true
    }

    /// `(a, b)`; names may be quoted.
    mutating func labelList() throws(PromQLError) -> [String] {
        try expect(.openParenthesis, "in grouping opts")
        var names: [String] = []
        while !take(.closeParenthesis) {
            switch current.kind {
            case .identifier(let name) where !name.contains(":"): names.append(name)
            case .string(let name) where !name.isEmpty: names.append(name)
            default: throw unexpected("in grouping opts, expected label")
            }
            index += 1
            if take(.comma) { continue }
            try expect(.closeParenthesis, "in grouping opts")
            break
        }
        return names
    }

    func limited(_ parsed: Parsed) throws(PromQLError) -> Parsed {
        guard parsed.depth <= Self.deepest else { throw tooDeep() }
        return parsed
    }

    func unexpected(_ place: String) -> PromQLError { error("unexpected \(current.text) \(place)") }

    func error(_ message: String) -> PromQLError { PromQLError(.syntax, message, at: current.position) }

    private func tooDeep() -> PromQLError { error("the expression is nested deeper than \(Self.deepest)") }
}
