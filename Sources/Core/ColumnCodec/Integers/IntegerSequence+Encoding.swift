extension IntegerSequence {
    /// A sequence brought into the form of one order: what comes before the numbers, and the numbers.
    struct Form {
        var order: Order
        var header: [UInt8]
        var residuals: [UInt64]

        /// The bits that the largest needs.
        var width: Int { 64 - residuals.reduce(0, |).leadingZeroBitCount }
    }

    /// The shortest of the forms and codings.
    static func encode(_ values: [Int64]) -> [UInt8] {
        let forms: [Form] = forms(values)
        if let zeros = forms.first(where: { $0.width == 0 }) { return head(zeros, .zeros) }
        var best: [UInt8] = []
        for form in forms {
            let plan = TokenPlan(form.residuals)
            let packed: Int = (form.residuals.count * form.width + 7) / 8 + 1
            let isPacked: Bool = packed <= plan.size
            guard best.isEmpty || min(packed, plan.size) + form.header.count + 1 < best.count else { continue }
            best = head(form, isPacked ? .packed : .tokens) + (isPacked ? pack(form) : plan.encoded(form.residuals))
        }
        return best
    }

    /// In whole bytes, in which a general compressor finds what repeats; nil where nothing varies.
    static func encodeInBytes(_ values: [Int64]) -> [UInt8]? {
        guard let form = forms(values).min(by: { $0.width < $1.width }), form.width > 0 else { return nil }
        let width: Int = (form.width + 7) / 8
        var bytes: [UInt8] = head(form, .bytes) + [UInt8(width)]
        // The lowest bytes of all, then the next: high bytes are alike.
        for shift in 0..<width {
            for residual in form.residuals { bytes.append(UInt8(truncatingIfNeeded: residual >> UInt64(shift * 8))) }
        }
        return bytes
    }

    private static func head(_ form: Form, _ coding: Coding) -> [UInt8] {
        [form.order.rawValue | coding.rawValue << 2] + form.header
    }

    private static func pack(_ form: Form) -> [UInt8] {
        let width: Int = form.width
        var writer = BitWriter()
        writer.write(UInt64(width), 8)
        for residual in form.residuals { writer.write(residual, width) }
        return writer.finished()
    }

    // MARK: Forms

    /// `values` in each order; at least one.
    private static func forms(_ values: [Int64]) -> [Form] {
        let (divisor, steps): (UInt64, [Int64]) = divided(values)
        return Order.allCases.map { form($0, values, steps, divisor) }
    }

    /// The distances from the first value in units of what divides them all. Where a distance does not fit, the unit is
    /// one, and sums that wrap around lead back to the same numbers.
    private static func divided(_ values: [Int64]) -> (UInt64, [Int64]) {
        guard let first = values.first else { return (1, []) }
        var divisor: UInt64 = 0
        for value in values {
            let (distance, overflows) = value.subtractingReportingOverflow(first)
            if overflows { divisor = 1 }
            if divisor != 1 { divisor = .greatestCommonDivisor(distance.magnitude, divisor) }
        }
        // A divisor of 2^63 and more is no Int64; it divides one distance only.
        guard divisor > 1, let unit = Int64(exactly: divisor) else { return (1, values.map { $0 &- first }) }
        return (divisor, values.map { ($0 &- first) / unit })
    }

    private static func form(_ order: Order, _ values: [Int64], _ steps: [Int64], _ divisor: UInt64) -> Form {
        var header = ByteWriter()
        header.write(varint: divisor)
        let first: Int64 = values.first ?? 0
        var residuals: [UInt64] = []
        residuals.reserveCapacity(steps.count)
        switch order {
        case .level:
            let level: Int64 = middle(steps)
            header.write(signed: first &+ level &* Int64(bitPattern: divisor))
            for step in steps { residuals.append((step &- level).zigzag) }
        case .delta:
            let deltas: [Int64] = steps.indices.dropFirst().map { steps[$0] &- steps[$0 - 1] }
            let usual: Int64 = middle(deltas)
            header.write(signed: first)
            header.write(signed: usual)
            for delta in deltas { residuals.append((delta &- usual).zigzag) }
        case .deltaOfDelta:
            var before: Int64 = steps.count > 1 ? steps[1] : 0
            header.write(signed: first)
            header.write(signed: before)
            for place in steps.indices.dropFirst(2) {
                let delta: Int64 = steps[place] &- steps[place - 1]
                residuals.append((delta &- before).zigzag)
                before = delta
            }
        }
        return Form(order: order, header: header.bytes, residuals: residuals)
    }

    /// About the median: of a few numbers from all over.
    private static func middle(_ numbers: [Int64]) -> Int64 {
        let step: Int = max(numbers.count / 61, 1)
        let some: [Int64] = stride(from: 0, to: numbers.count, by: step).map { numbers[$0] }.sorted()
        return some.isEmpty ? 0 : some[some.count / 2]
    }
}

/// The tokens of a sequence counted, and the code that fits them.
private struct TokenPlan {
    private let lengths: [UInt8]
    /// Bytes that the sequence takes, rounded up.
    let size: Int

    init(_ residuals: [UInt64]) {
        var frequencies = [Int](repeating: 0, count: Token.count)
        var bits = 0
        TokenPlan.walk(residuals) { token, extra, _ in
            frequencies[token] += 1
            bits += extra
        }
        lengths = PrefixCode.lengths(frequencies)
        for (token, count) in frequencies.enumerated() { bits += count * Int(lengths[token]) }
        var header = BitWriter()
        PrefixCode.write(lengths, to: &header)
        size = header.finished().count + (bits + 7) / 8
    }

    func encoded(_ residuals: [UInt64]) -> [UInt8] {
        let codes: [UInt16] = PrefixCode.codes(lengths)
        var writer = BitWriter()
        PrefixCode.write(lengths, to: &writer)
        TokenPlan.walk(residuals) { token, extra, rest in
            writer.write(UInt64(codes[token]), Int(lengths[token]))
            writer.write(rest, extra)
        }
        return writer.finished()
    }

    /// Each token in order, with the bits that follow it.
    private static func walk(_ residuals: [UInt64], _ visit: (_ token: Int, _ bits: Int, _ rest: UInt64) -> Void) {
        var place = 0
        while place < residuals.count {
            let zeros: Int = residuals[place] == 0 ? residuals[place...].prefix { $0 == 0 }.count : 0
            guard zeros >= Token.shortestRun else {
                let item = Token.of(residuals[place])
                visit(item.token, item.bits, item.rest)
                place += 1
                continue
            }
            let length: Int = min(zeros, 65_535)
            let item = Token.ofRun(length)
            visit(item.token, item.bits, item.rest)
            place += length
        }
    }
}
