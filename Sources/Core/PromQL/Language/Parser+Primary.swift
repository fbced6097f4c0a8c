import Patterns
import Telemetry

/// Literals, parentheses, calls and aggregations.
extension Parser {
    mutating func primary() throws(PromQLError) -> Parsed {
        let position: Position = current.position
        switch current.kind {
        case .number(let number):
            advance()
            return Parsed(node: .number(number), type: .scalar, position: position)
        case .duration(let duration):
            advance()
            return Parsed(node: .number(duration.seconds), type: .scalar, position: position)
        case .string(let text):
            advance()
            return Parsed(node: .string(text), type: .string, position: position)
        case .symbol(.openParenthesis):
            advance()
            var inner: Parsed = try binary(atLeast: 1)
            try expect(.closeParenthesis, "in paren expression")
            inner.isParenthesised = true
            inner.position = position
            return inner
        case .symbol(.openBrace): return try selector(named: nil)
        case .identifier(let name): return try named(name)
        default: throw unexpected("where an expression was expected")
        }
    }

    private mutating func named(_ name: String) throws(PromQLError) -> Parsed {
        let position: Position = current.position
        let lowercased: String = name.lowercased()
        let isCall: Bool = following.kind == .symbol(.openParenthesis)
        if let operation = AggregationOperator(rawValue: lowercased), isCall || isGrouping(following) {
            return try aggregation(operation)
        }
        if isCall {
            guard let function = Function(rawValue: name) else {
                throw error("unknown function with name \"\(name)\"")
            }
            return try call(function)
        }
        if lowercased == "inf" || lowercased == "nan" {
            advance()
            let number: Double = lowercased == "inf" ? .infinity : .nan
            return Parsed(node: .number(number), type: .scalar, position: position)
        }
        if ["on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool"].contains(lowercased) {
            throw unexpected("where an expression was expected")
        }
        return try selector(named: name)
    }

    private func isGrouping(_ token: Token) -> Bool {
        guard case .identifier(let name) = token.kind else { return false }
        return name.lowercased() == "by" || name.lowercased() == "without"
    }

    // MARK: Calls

    private mutating func call(_ function: Function) throws(PromQLError) -> Parsed {
        let position: Position = current.position
        advance()
        let arguments: [Parsed] = try self.arguments(of: "call to function \"\(function.rawValue)\"")
        let signature: Function.Signature = function.signature
        let most: Int? = signature.repeats ? nil : signature.required.count + signature.optional.count
        guard arguments.count >= signature.required.count, arguments.count <= most ?? .max else {
            throw PromQLError(
                .syntax, wrongCount(function, arguments.count, least: signature.required.count, most: most),
                at: position)
        }
        let types: [ValueType] = signature.required + signature.optional
        for (index, argument) in arguments.enumerated() {
            let expected: ValueType = index < types.count ? types[index] : types[types.count - 1]
            try check(argument, is: expected, in: "call to function \"\(function.rawValue)\"")
        }
        try checkPattern(function, arguments)
        let node = Node.call(Call(function: function, arguments: arguments.map(\.node)))
        return try limited(
            Parsed(
                node: node, type: signature.result, position: position, depth: depth(over: arguments),
                isParenthesised: true))
    }

    private func wrongCount(_ function: Function, _ count: Int, least: Int, most: Int?) -> String {
        let expected: String
        switch most {
        case least: expected = "expected \(least)"
        case .some(let most) where count > most: expected = "expected at most \(most)"
        default: expected = "expected at least \(least)"
        }
        return "\(expected) argument(s) in call to \"\(function.rawValue)\", got \(count)"
    }

    /// A wrong pattern of `label_replace` is found here, not on every evaluation.
    private func checkPattern(_ function: Function, _ arguments: [Parsed]) throws(PromQLError) {
        guard function == .labelReplace, case .string(let text) = arguments[4].node else { return }
        do { _ = try Pattern(text) } catch {
            throw PromQLError(
                .syntax, "invalid regular expression in label_replace(): \(error)",
                at: arguments[4].position)
        }
    }

    private mutating func arguments(of place: String) throws(PromQLError) -> [Parsed] {
        try expect(.openParenthesis, "in \(place)")
        var arguments: [Parsed] = []
        if take(.closeParenthesis) { return arguments }
        repeat { arguments.append(try binary(atLeast: 1)) } while take(.comma)
        try expect(.closeParenthesis, "in \(place)")
        return arguments
    }

    private func check(_ argument: Parsed, is type: ValueType, in place: String) throws(PromQLError) {
        guard argument.type != type else { return }
        throw PromQLError(
            .syntax, "expected type \(type.text) in \(place), got \(argument.type.text)", at: argument.position)
    }

    private func depth(over parts: [Parsed]) -> Int { (parts.map(\.depth).max() ?? 0) + 1 }

    // MARK: Aggregations

    /// `sum by (a) (x)`, `sum(x) by (a)`, `topk(3, x)`.
    private mutating func aggregation(_ operation: AggregationOperator) throws(PromQLError) -> Parsed {
        let position: Position = current.position
        advance()
        var grouping: (labels: Set<String>, isWithout: Bool)? = try groupingClause()
        let place = "aggregation \"\(operation.rawValue)\""
        let arguments: [Parsed] = try self.arguments(of: place)
        if grouping == nil { grouping = try groupingClause() }
        let count: Int = operation.parameterType == nil ? 1 : 2
        guard arguments.count == count else {
            throw PromQLError(
                .syntax,
                "wrong number of arguments for aggregate expression provided, expected \(count), got "
                    + "\(arguments.count)", at: position)
        }
        if let parameterType = operation.parameterType { try check(arguments[0], is: parameterType, in: place) }
        try check(arguments[count - 1], is: .vector, in: place)
        if operation == .countValues, case .string(let label) = arguments[0].node, label.isEmpty {
            throw PromQLError(.syntax, "invalid label name \"\"", at: arguments[0].position)
        }
        let aggregation = Aggregation(
            operation: operation, node: arguments[count - 1].node,
            parameter: count == 2 ? arguments[0].node : nil, grouping: grouping?.labels ?? [],
            isWithout: grouping?.isWithout ?? false)
        return try limited(
            Parsed(
                node: .aggregation(aggregation), type: .vector, position: position, depth: depth(over: arguments),
                isParenthesised: true))
    }

    private mutating func groupingClause() throws(PromQLError) -> (labels: Set<String>, isWithout: Bool)? {
        guard isGrouping(current) else { return nil }
        let isWithout: Bool = isKeyword("without")
        advance()
        return (Set(try labelList()), isWithout)
    }
}
