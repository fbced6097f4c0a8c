import Telemetry

extension Expression {
    /// Which samples evaluating over `range` needs: one for each of ``selectors``, in their order.
    package func selections(
        over range: QueryRange, options: EvaluationOptions = EvaluationOptions()
    ) -> [Selection] {
        var collector = SelectionCollector(range: range, options: options, count: selectors.count)
        collector.visit(
            node,
            Span(first: range.start, last: range.end, anchor: range.start, step: range.isInstant ? nil : range.step))
        return zip(selectors, collector.needs).map { selector, need in
            Selection(
                matchers: selector.matchers, after: need.after, through: need.through, buckets: need.buckets)
        }
    }
}

/// The instants something is evaluated at: between the first and the last, whole steps from `anchor`; one instant where
/// there is no step.
private struct Span {
    var first: Int64
    var last: Int64
    var anchor: Int64
    var step: Int64?

    /// Whether every instant is an edge of buckets of a width.
    func isOnEdges(of width: BucketWidth) -> Bool {
        anchor % width.milliseconds == 0 && (step ?? 0) % width.milliseconds == 0
    }
}

private struct SelectionCollector {
    struct Need {
        var after: Int64
        var through: Int64
        var buckets: BucketUse?
    }

    let range: QueryRange
    let options: EvaluationOptions
    var needs: [Need]

    init(range: QueryRange, options: EvaluationOptions, count: Int) {
        self.range = range
        self.options = options
        needs = [Need](repeating: Need(after: range.start, through: range.start), count: count)
    }

    mutating func visit(_ node: Node, _ span: Span) {
        switch node {
        case .number, .string: break
        case .selector(let selector):
            collect(selector, span, reach: options.lookback) { span in
                BucketWidth.descending.filter { span.isOnEdges(of: $0) }
            }
        case .matrix(let selector, let range): collect(selector, span, reach: range) { _ in [] }
        case .subquery(let subquery):
            let outer: Span = shifted(span, subquery.shift)
            let step: PromDuration = subquery.step ?? options.subqueryStep
            // The inner instants are multiples of the step since 1970.
            visit(
                subquery.node,
                Span(
                    first: outer.first - subquery.range.milliseconds, last: outer.last, anchor: 0,
                    step: step.milliseconds))
        case .negation(let operand): visit(operand, span)
        case .binary(let binary):
            visit(binary.left, span)
            visit(binary.right, span)
        case .aggregation(let aggregation):
            if let parameter = aggregation.parameter { visit(parameter, span) }
            visit(aggregation.node, span)
        case .call(let call):
            if case .matrix(let selector, let range)? = call.arguments.first,
                BucketFunctions.function(call.function) != nil
            {
                return collect(
                    selector, span, reach: range, purpose: .windows(BucketFunctions.columns(call.function))
                ) { span in
                    BucketWidth.descending.filter {
                        span.isOnEdges(of: $0) && range.milliseconds % $0.milliseconds == 0
                    }
                }
            }
            for argument in call.arguments { visit(argument, span) }
        }
    }

    private mutating func collect(
        _ selector: VectorSelector, _ span: Span, reach: PromDuration, purpose: BucketUse.Purpose = .lastSamples,
        _ widths: (Span) -> [BucketWidth]
    ) {
        let read: Span = shifted(span, selector.shift)
        var need = Need(after: read.first - reach.milliseconds, through: read.last)
        let possible: [BucketWidth] = widths(read)
        let isOneWindow: Bool = if case .windows = purpose { read.first == read.last } else { false }
        if !possible.isEmpty {
            need.buckets = BucketUse(purpose: purpose, widths: possible, isOneWindow: isOneWindow)
        } else if isOneWindow {
            // Samples are read up to the next edge at both ends: narrow buckets keep that little.
            let narrow: [BucketWidth] = BucketWidth.descending.filter { reach.milliseconds >= 30 * $0.milliseconds }
            if !narrow.isEmpty { need.buckets = BucketUse(purpose: purpose, widths: narrow, isOneWindow: true) }
        }
        needs[selector.ordinal] = need
    }

    private func shifted(_ span: Span, _ shift: TimeShift) -> Span {
        let offset: Int64 = shift.offset.milliseconds
        guard let anchor = shift.resolved(in: range) else {
            return Span(
                first: span.first - offset, last: span.last - offset, anchor: span.anchor - offset, step: span.step)
        }
        return Span(first: anchor - offset, last: anchor - offset, anchor: anchor - offset, step: nil)
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
