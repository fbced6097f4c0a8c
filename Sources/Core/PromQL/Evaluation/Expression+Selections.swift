import Telemetry

extension Expression {
    /// Which samples evaluating over `range` needs: one for each of ``selectors``, in their order.
    package func selections(
        over range: QueryRange, options: EvaluationOptions = EvaluationOptions()
    ) -> [Selection] {
        var collector = SelectionCollector(range: range, options: options, count: selectors.count)
        collector.visit(node, Span(first: range.start, last: range.end))
        return zip(selectors, collector.spans).map { selector, span in
            Selection(matchers: selector.matchers, after: span.first, through: span.last)
        }
    }
}

/// The first and last instant something is evaluated at; for collected spans `first` is exclusive.
private struct Span {
    var first: Int64
    var last: Int64
}

private struct SelectionCollector {
    let range: QueryRange
    let options: EvaluationOptions
    var spans: [Span]

    init(range: QueryRange, options: EvaluationOptions, count: Int) {
        self.range = range
        self.options = options
        spans = [Span](repeating: Span(first: range.start, last: range.start), count: count)
    }

    mutating func visit(_ node: Node, _ span: Span) {
        switch node {
        case .number, .string: break
        case .selector(let selector): collect(selector, span, reach: options.lookback)
        case .matrix(let selector, let range): collect(selector, span, reach: range)
        case .subquery(let subquery):
            let outer: Span = shifted(span, subquery.shift)
            visit(subquery.node, Span(first: outer.first - subquery.range.milliseconds, last: outer.last))
        case .negation(let operand): visit(operand, span)
        case .binary(let binary):
            visit(binary.left, span)
            visit(binary.right, span)
        case .aggregation(let aggregation):
            if let parameter = aggregation.parameter { visit(parameter, span) }
            visit(aggregation.node, span)
        case .call(let call):
            for argument in call.arguments { visit(argument, span) }
        }
    }

    private mutating func collect(_ selector: VectorSelector, _ span: Span, reach: PromDuration) {
        let read: Span = shifted(span, selector.shift)
        spans[selector.ordinal] = Span(first: read.first - reach.milliseconds, last: read.last)
    }

    private func shifted(_ span: Span, _ shift: TimeShift) -> Span {
        let offset: Int64 = shift.offset.milliseconds
        guard let anchor = shift.resolved(in: range) else {
            return Span(first: span.first - offset, last: span.last - offset)
        }
        return Span(first: anchor - offset, last: anchor - offset)
    }
}

extension TimeShift {
    /// The instant that `@` names, where there is one.
    func resolved(in range: QueryRange) -> Int64? {
        switch anchor {
        case nil: nil
        case .time(let time): time
        case .start: range.start
        case .end: range.end
        }
    }

    /// The instant that is looked at when `time` is evaluated.
    func applied(to time: Int64, in range: QueryRange) -> Int64 {
        (resolved(in: range) ?? time) - offset.milliseconds
    }
}
