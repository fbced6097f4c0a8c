import Glibc
import PromQL
import Telemetry

/// Runs a script in the format of Prometheus' `promqltest`: `load`, `clear`, `eval instant`, `eval range`.
///
/// What a script checks with native histograms, or with functions that we do not have, is counted as unsupported and
/// not run. `expect warn`, `info` and their opposites are read over: we give no annotations.
struct ScriptRunner {
    struct Outcome {
        var passed = 0
        /// `line: expression: what was different`.
        var failures: [String] = []
        var unsupported: [String] = []
    }

    private var series: [Labels: [Int64: Double]] = [:]
    /// Names with native histogram samples: nothing that reads them is run.
    private var histograms: Set<String> = []
    private var outcome = Outcome()

    static func run(_ script: String) -> Outcome {
        var runner = ScriptRunner()
        var lines: [(number: Int, text: String)] = []
        for (index, line) in script.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            lines.append((index + 1, trimmed(String(line))))
        }
        var position = 0
        while position < lines.count {
            let line = lines[position]
            position += 1
            guard !line.text.isEmpty, !line.text.hasPrefix("#") else { continue }
            var block: [String] = []
            if !line.text.hasPrefix("clear") {
                while position < lines.count, !lines[position].text.isEmpty {
                    if !lines[position].text.hasPrefix("#") { block.append(lines[position].text) }
                    position += 1
                }
            }
            runner.command(line.text, block, line.number)
        }
        return runner.outcome
    }

    private mutating func command(_ line: String, _ block: [String], _ number: Int) {
        if line == "clear" {
            series = [:]
            histograms = []
        } else if line.hasPrefix("load") {
            load(line, block, number)
        } else if line.hasPrefix("eval") {
            evaluate(line, block, number)
        } else {
            outcome.failures.append("\(number): unknown command \(line)")
        }
    }

    // MARK: load

    private mutating func load(_ line: String, _ block: [String], _ number: Int) {
        let words: [Substring] = line.split(separator: " ")
        guard words.count == 2, let step = PromDuration(words[1]) else {
            outcome.failures.append("\(number): \(line)")
            return
        }
        for definition in block {
            let (metric, rest) = splitMetric(definition)
            guard let labels = labels(of: metric) else {
                outcome.failures.append("\(number): cannot read \(metric)")
                continue
            }
            let name: String = labels["__name__"] ?? ""
            guard !rest.contains("{{") else {
                histograms.insert(name)
                continue
            }
            // Classic buckets, of which Prometheus makes a native histogram beside them.
            if line.hasPrefix("load_with_nhcb"), name.hasSuffix("_bucket") {
                histograms.insert(String(name.dropLast("_bucket".count)))
            }
            var time: Int64 = 0
            for value in expandedValues(rest) {
                if let value { series[labels, default: [:]][time] = value }
                time += step.milliseconds
            }
        }
    }

    // MARK: eval

    private mutating func evaluate(_ line: String, _ block: [String], _ number: Int) {
        guard let (range, text) = evalLine(line) else {
            outcome.failures.append("\(number): \(line)")
            return
        }
        var expectation = Expectation(block)
        if line.hasPrefix("eval_fail") { expectation.fails = true }
        if block.contains(where: { $0.contains("{{") }) {
            outcome.unsupported.append("\(number): native histograms: \(text)")
            return
        }
        let result: QueryResult
        do {
            let expression: Expression = try PromQL.parse(text)
            if readsHistograms(expression) {
                outcome.unsupported.append("\(number): native histograms: \(text)")
                return
            }
            var options = EvaluationOptions()
            options.delaysNameRemoval = true
            let selections: [Selection] = expression.selections(over: range, options: options)
            result = try expression.evaluate(over: range, data: selections.map(load), options: options)
        } catch {
            if expectation.fails {
                outcome.passed += 1
            } else if error.kind == .syntax {
                outcome.unsupported.append("\(number): \(error): \(text)")
            } else {
                outcome.failures.append("\(number): \(text): \(error)")
            }
            return
        }
        if expectation.fails {
            outcome.failures.append("\(number): \(text): should fail, gives \(result)")
        } else if let difference = expectation.difference(from: result, range) {
            outcome.failures.append("\(number): \(text): \(difference)")
        } else {
            outcome.passed += 1
        }
    }

    private func readsHistograms(_ expression: Expression) -> Bool {
        expression.selectors.contains { selector in
            let names: [Matcher] = selector.matchers.filter { $0.label == "__name__" }
            return histograms.contains { name in names.allSatisfy { $0.matches(name) } }
        }
    }

    private func load(_ selection: Selection) -> [SeriesData] {
        series.compactMap { labels, samples in
            guard selection.matchers.allSatisfy({ $0.matches(labels) }) else { return nil }
            let times: [Int64] = samples.keys.filter { $0 > selection.after && $0 <= selection.through }.sorted()
            return SeriesData(labels: labels, times: times, values: times.map { samples[$0] ?? .nan })
        }
    }

    private func evalLine(_ line: String) -> (QueryRange, String)? {
        let words: [Substring] = line.split(separator: " ", omittingEmptySubsequences: true)
        func duration(_ word: Substring) -> PromDuration? {
            PromDuration(word) ?? Double(word).map { PromDuration(milliseconds: Int64($0 * 1000)) }
        }
        func expression(after count: Int) -> String {
            var rest: Substring = line[...]
            for _ in 0..<count { rest = rest.drop { $0 != " " && $0 != "\t" }.drop { $0 == " " || $0 == "\t" } }
            return String(rest)
        }
        let epoch = Timestamp(milliseconds: 0)
        if words.count > 4, words[1] == "instant", let time = duration(words[3]) {
            return (.instant(epoch + time), expression(after: 4))
        }
        guard words.count > 8, words[1] == "range", let from = duration(words[3]), let to = duration(words[5]),
            let step = duration(words[7]),
            let range = try? QueryRange(from: epoch + from, through: epoch + to, step: step)
        else { return nil }
        return (range, expression(after: 8))
    }
}

/// What the lines below an `eval` ask for.
private struct Expectation {
    var fails = false
    var isOrdered = false
    var string: String?
    var rangeVector: (from: Int64, to: Int64, step: Int64)?
    var rows: [(metric: String, values: [Double?])] = []

    init(_ block: [String]) {
        for line in block {
            let words: [Substring] = line.split(separator: " ")
            if words[0] == "expect", words.count > 1 {
                switch words[1] {
                case "fail": fails = true
                case "ordered": isOrdered = true
                case "string": string = unquoted(trimmed(String(line.dropFirst("expect string".count))))
                case "range":
                    rangeVector = (milliseconds(words[4]), milliseconds(words[6]), milliseconds(words[8]))
                default: break
                }
                continue
            }
            let (metric, rest) = splitMetric(line)
            rows.append((metric, expandedValues(rest)))
        }
    }

    func difference(from result: QueryResult, _ range: QueryRange) -> String? {
        switch result {
        case .string(_, let text): return text == string ? nil : "gives \(text)"
        case .scalar(let sample):
            guard rows.count == 1, rows[0].metric.isEmpty, let expected = rows[0].values.first ?? nil else {
                return "gives a scalar"
            }
            return isNear(sample.value, expected) ? nil : "gives \(sample.value), not \(expected)"
        case .vector(let elements):
            return difference(
                elements.map { ($0.labels, [(range.start, $0.sample.value)]) }, from: range.start, step: 1)
        case .matrix(let series):
            let found = series.map { one in
                (one.labels, one.samples.map { ($0.time.milliseconds, $0.value) })
            }
            return difference(
                found, from: rangeVector?.from ?? range.start, step: rangeVector?.step ?? range.step)
        }
    }

    private func difference(
        _ found: [(Labels, [(Int64, Double)])], from start: Int64, step: Int64
    ) -> String? {
        let text: String = found.map { "\($0.0) \($0.1.map(\.1))" }.joined(separator: "; ")
        let expected: [(Labels, [(Int64, Double)])] = rows.compactMap { row in
            guard let labels = labels(of: row.metric) else { return nil }
            let samples: [(Int64, Double)] = row.values.enumerated().compactMap { index, value in
                value.map { (start + Int64(index) * step, $0) }
            }
            return samples.isEmpty ? nil : (labels, samples)
        }
        guard expected.count == found.count else { return "gives \(found.count) series: \(text)" }
        for (index, row) in expected.enumerated() {
            guard let place = isOrdered ? index : found.firstIndex(where: { $0.0 == row.0 }), found[place].0 == row.0
            else { return "has no \(row.0) in its place: \(text)" }
            let samples: [(Int64, Double)] = found[place].1
            guard samples.count == row.1.count,
                zip(samples, row.1).allSatisfy({ $0.0 == $1.0 && isNear($0.1, $1.1) })
            else { return "\(row.0) is \(samples), not \(row.1)" }
        }
        return nil
    }
}

private func milliseconds(_ word: Substring) -> Int64 { PromDuration(word)?.milliseconds ?? 0 }

private func unquoted(_ text: String) -> String { String(text.dropFirst().dropLast()) }

private func isNear(_ left: Double, _ right: Double) -> Bool {
    if left.isNaN || right.isNaN { return left.isNaN && right.isNaN }
    if left == right { return true }
    let size: Double = left.magnitude + right.magnitude
    let difference: Double = (left - right).magnitude
    return left == 0 || right == 0 ? difference < 1e-6 * Double.leastNormalMagnitude : difference / size < 1e-6
}

private func trimmed(_ line: String) -> String {
    var text: Substring = line[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text.drop { $0.isWhitespace }).replacingTabs
}

extension String {
    fileprivate var replacingTabs: String { String(map { $0 == "\t" ? " " : $0 }) }
}

/// `name{labels}` and what follows; the metric is empty before a bare number.
private func splitMetric(_ line: String) -> (metric: String, rest: String) {
    var quote: Character?
    var depth = 0
    var isEscaped = false
    for index in line.indices {
        let character: Character = line[index]
        if let open = quote {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == open {
                quote = nil
            }
            continue
        }
        if character == "\"" || character == "'" || character == "`" { quote = character }
        if character == "{" { depth += 1 }
        if character == "}" { depth -= 1 }
        if character == "}", depth == 0 {
            return (String(line[...index]), String(line[line.index(after: index)...]))
        }
        if character == " ", depth == 0, !opensLabels(line[index...]) {
            let metric = String(line[..<index])
            return isNumber(metric) ? ("", line) : (metric, String(line[index...]))
        }
    }
    return isNumber(line) ? ("", line) : (line, "")
}

/// Whether labels follow, and not the sample of a native histogram.
private func opensLabels(_ rest: Substring) -> Bool {
    let next: Substring = rest.drop { $0 == " " }
    return next.hasPrefix("{") && !next.hasPrefix("{{")
}

private func isNumber(_ word: String) -> Bool { number(word[...]) != nil }

private func number(_ word: Substring) -> Double? {
    switch word {
    case "Inf", "+Inf", "inf", "+inf": .infinity
    case "-Inf", "-inf": -.infinity
    case "NaN", "nan": .nan
    case "stale": .staleMarker
    // Not `0x59`: in scripts it is a zero and 59 more.
    default: word.contains("x") ? nil : Double(word.hasPrefix("+") ? word.dropFirst() : word)
    }
}

private func labels(of metric: String) -> Labels? {
    let compact: String = metric.filter { $0 != " " }
    if compact == "{}" || compact.isEmpty { return Labels.none }
    guard let expression = try? PromQL.parse(metric), let selector = expression.selectors.first else { return nil }
    return Labels(
        Dictionary(selector.matchers.map { ($0.label, $0.value) }, uniquingKeysWith: { _, last in last }))
}

/// `1 2+3x4 _ _x2 stale 5x2`: see promqltest's README.
private func expandedValues(_ text: String) -> [Double?] {
    var values: [Double?] = []
    for word in text.split(separator: " ") {
        if let plain = number(word) {
            values.append(plain)
            continue
        }
        let parts: [Substring] = word.split(separator: "x", maxSplits: 1)
        let times: Int = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
        if parts[0] == "_" {
            values += [Double?](repeating: nil, count: parts.count == 2 ? times : 1)
            continue
        }
        let (start, delta) = startAndDelta(parts[0])
        for index in 0...times { values.append(start + Double(index) * delta) }
    }
    return values
}

/// `2+3`, `2-3`, `1e-3+2`, `5`.
private func startAndDelta(_ word: Substring) -> (Double, Double) {
    if let plain = number(word) { return (plain, 0) }
    for index in word.indices.dropFirst() where word[index] == "+" || word[index] == "-" {
        if let start = number(word[..<index]), let delta = number(word[index...]) { return (start, delta) }
    }
    return (.nan, 0)
}
