import Telemetry

/// Selectors and what follows them: ranges, subqueries, `offset` and `@`.
extension Parser {
    // MARK: Selectors

    mutating func selector(named name: String?) throws(PromQLError) -> Parsed {
        let position: Position = current.position
        var matchers: [Matcher] = []
        if let name {
            advance()
            matchers.append(.equal(metricNameLabel, name))
        }
        if take(.openBrace) { try braces(&matchers, isNamed: name != nil) }
        guard matchers.contains(where: { !$0.matches("") }) else {
            throw PromQLError(
                .syntax, "vector selector must contain at least one non-empty matcher", at: position)
        }
        let selector = VectorSelector(matchers: matchers, ordinal: selectors.count, shift: TimeShift())
        selectors.append(selector)
        return Parsed(node: .selector(selector), type: .vector, position: position)
    }

    /// `a="b", "quoted.name", "quoted label"=~"x"` up to and with the closing brace.
    private mutating func braces(_ matchers: inout [Matcher], isNamed: Bool) throws(PromQLError) {
        while !take(.closeBrace) {
            let position: Position = current.position
            let label: String
            switch current.kind {
            case .identifier(let name) where !name.contains(":"):
                label = name
                advance()
            case .string(let name):
                advance()
                if current.kind == .symbol(.comma) || current.kind == .symbol(.closeBrace) {
                    try addName(name, to: &matchers, at: position)
                    if take(.comma) { continue }
                    try expect(.closeBrace, "in label matching")
                    return
                }
                label = name
            default: throw unexpected("in label matching, expected identifier or \"}\"")
            }
            let matcher: Matcher = try matcher(label)
            if isNamed, label == metricNameLabel {
                throw PromQLError(
                    .syntax, "metric name must not be set twice: \"\(matchers[0].value)\" or \"\(matcher.value)\"",
                    at: position)
            }
            matchers.append(matcher)
            if take(.comma) { continue }
            try expect(.closeBrace, "in label matching")
            return
        }
    }

    private func addName(_ name: String, to matchers: inout [Matcher], at position: Position) throws(PromQLError) {
        if let other = matchers.first(where: { $0.label == metricNameLabel && $0.operation == .equal }) {
            throw PromQLError(
                .syntax, "metric name must not be set twice: \"\(other.value)\" or \"\(name)\"", at: position)
        }
        matchers.append(.equal(metricNameLabel, name))
    }

    private mutating func matcher(_ label: String) throws(PromQLError) -> Matcher {
        let operation: Matcher.Operation
        switch current.kind {
        case .symbol(.assign): operation = .equal
        case .symbol(.notEqual): operation = .notEqual
        case .symbol(.matches): operation = .matches
        case .symbol(.matchesNot): operation = .matchesNot
        default: throw unexpected("in label matching, expected label matching operator")
        }
        advance()
        guard case .string(let value) = current.kind else {
            throw unexpected("in label matching, expected string")
        }
        let matcher: Matcher
        do { matcher = try Matcher(label, operation, value) } catch { throw self.error("\(error)") }
        advance()
        return matcher
    }

    // MARK: Ranges and modifiers

    mutating func postfix() throws(PromQLError) -> Parsed {
        var parsed: Parsed = try primary()
        var modified: (offset: Bool, anchor: Bool) = (false, false)
        while true {
            if current.kind == .symbol(.openBracket) {
                guard parsed.type == .vector else {
                    throw error("ranges only allowed for vector selectors and subqueries of instant vectors")
                }
                parsed = try range(of: parsed, isModified: modified.offset || modified.anchor)
                modified = (false, false)
            } else if isKeyword("offset") {
                guard !modified.offset else { throw error("offset may not be set multiple times") }
                let position: Position = current.position
                advance()
                let offset: PromDuration = try duration(isSigned: true)
                try modify(&parsed, "offset", at: position) { $0.offset = offset }
                modified.offset = true
            } else if current.kind == .symbol(.at) {
                guard !modified.anchor else { throw error("@ <timestamp> may not be set multiple times") }
                let position: Position = current.position
                advance()
                let anchor: TimeShift.Anchor = try self.anchor()
                try modify(&parsed, "@", at: position) { $0.anchor = anchor }
                modified.anchor = true
            } else {
                return parsed
            }
        }
    }

    private mutating func range(of parsed: Parsed, isModified: Bool) throws(PromQLError) -> Parsed {
        let bracket: Position = current.position
        advance()
        let range: PromDuration = try positiveDuration()
        if take(.colon) {
            let step: PromDuration? = current.kind == .symbol(.closeBracket) ? nil : try positiveDuration()
            try expect(.closeBracket, "in subquery")
            let subquery = Subquery(node: parsed.node, range: range, step: step, shift: TimeShift())
            return try limited(
                Parsed(
                    node: .subquery(subquery), type: .matrix, position: parsed.position, depth: parsed.depth + 1))
        }
        try expect(.closeBracket, "in range selector")
        guard case .selector(let selector) = parsed.node, !parsed.isParenthesised else {
            throw PromQLError(.syntax, "ranges only allowed for vector selectors", at: bracket)
        }
        guard !isModified else {
            throw PromQLError(.syntax, "no offset or @ modifiers allowed before range", at: bracket)
        }
        return Parsed(node: .matrix(selector, range: range), type: .matrix, position: parsed.position)
    }

    private mutating func modify(
        _ parsed: inout Parsed, _ modifier: String, at position: Position, _ change: (inout TimeShift) -> Void
    ) throws(PromQLError) {
        switch parsed.node {
        case .selector(var selector) where !parsed.isParenthesised:
            change(&selector.shift)
            selectors[selector.ordinal] = selector
            parsed.node = .selector(selector)
        case .matrix(var selector, let range) where !parsed.isParenthesised:
            change(&selector.shift)
            selectors[selector.ordinal] = selector
            parsed.node = .matrix(selector, range: range)
        case .subquery(var subquery) where !parsed.isParenthesised:
            change(&subquery.shift)
            parsed.node = .subquery(subquery)
        default:
            throw PromQLError(
                .syntax,
                "\(modifier) modifier must be preceded by an instant vector selector or range vector "
                    + "selector or a subquery", at: position)
        }
    }

    /// `1609746000`, `-5m`, `start()`, `end()`.
    private mutating func anchor() throws(PromQLError) -> TimeShift.Anchor {
        if isKeyword("start") || isKeyword("end") {
            let isStart: Bool = isKeyword("start")
            advance()
            try expect(.openParenthesis, "in @")
            try expect(.closeParenthesis, "in @")
            return isStart ? .start : .end
        }
        return .time(try duration(isSigned: true).milliseconds)
    }

    private mutating func positiveDuration() throws(PromQLError) -> PromDuration {
        let position: Position = current.position
        let duration: PromDuration = try duration(isSigned: false)
        guard duration.milliseconds > 0 else {
            throw PromQLError(.syntax, "duration must be greater than 0", at: position)
        }
        return duration
    }

    /// The longest span that arithmetic on milliseconds stays clear of overflow with: a thousand years.
    private static var longest: Double { 1000 * 365 * 86400 }

    /// A duration, or a number of seconds.
    private mutating func duration(isSigned: Bool) throws(PromQLError) -> PromDuration {
        let position: Position = current.position
        var sign: Double = 1
        if isSigned {
            if take(.minus) { sign = -1 } else { _ = take(.plus) }
        }
        let seconds: Double
        switch current.kind {
        case .number(let number): seconds = number
        case .duration(let duration): seconds = duration.seconds
        default: throw unexpected("where a duration was expected")
        }
        advance()
        guard seconds.isFinite, seconds <= Self.longest else {
            throw PromQLError(.syntax, "duration out of range", at: position)
        }
        return PromDuration(milliseconds: Int64((seconds * sign * 1000).rounded()))
    }
}
