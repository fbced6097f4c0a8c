import PromQL
import Telemetry
import Testing

@Suite struct ParserTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var text: String
        var error: String

        init(_ text: String, _ error: String) {
            self.text = text
            self.error = error
        }

        var testDescription: String { text }
    }

    @Test(arguments: [
        Mistake("", "1:1: parse error: no expression found in input"),
        Mistake("1 +", "1:4: parse error: unexpected end of input where an expression was expected"),
        Mistake("up{a=1}", "1:6: parse error: unexpected number 1.0 in label matching, expected string"),
        Mistake("foo(up)", "1:1: parse error: unknown function with name \"foo\""),
        Mistake(
            "rate(up)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        Mistake("sum(up)\n  by (", "2:7: parse error: unexpected end of input in grouping opts, expected label"),
        Mistake("up{}[", "1:6: parse error: unexpected end of input where a duration was expected"),
        Mistake("{a=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        Mistake("1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        Mistake("up{a=~\"(\"}", "1:7: parse error: error parsing regexp: missing closing ): `(`"),
        Mistake("\"a", "1:1: parse error: unterminated string"),
        Mistake("5mm", "1:1: parse error: bad number or duration syntax: \"5mm\""),
        Mistake("up[0s]", "1:4: parse error: duration must be greater than 0"),
        Mistake("up § 1", "1:4: parse error: unexpected character \"§\""),
        Mistake(
            "(up) offset 5m",
            "1:6: parse error: offset modifier must be preceded by an instant vector selector or range vector selector "
                + "or a subquery"),
        Mistake(
            "a{__name__=\"b\"}", "1:3: parse error: metric name must not be set twice: \"a\" or \"b\""),
    ])
    func `says what is wrong and where`(mistake: Mistake) {
        let error = #expect(throws: PromQLError.self) { try PromQL.parse(mistake.text) }
        #expect(error?.description == mistake.error)
        #expect(error?.kind == .syntax)
    }

    @Test(arguments: [
        "sum", "sum by (instance) (up)", "SUM(up) BY (a)", "count", "up offset -5m", "{\"cpu.percent\"}",
        "{\"cpu.percent\", host=\"a\"}", "{__name__=~\"node_.+\"}", "rate(x[5m] @ end())", "1_000 + 0x1F",
        "a and on (x) b unless ignoring (y) c", "a / on (x) group_left (z) b", "# remark\nup", "up[1h:5m] offset 1w",
        "job:up:sum{}", "a{offset=\"1\", by=\"2\"}", "1h30m * 2",
    ])
    func `reads the language`(text: String) throws { _ = try PromQL.parse(text) }

    @Test(arguments: [
        ("1", ValueType.scalar), ("\"a\"", .string), ("up", .vector), ("up[5m]", .matrix), ("1 + up", .vector),
        ("time()", .scalar), ("1 + 1", .scalar), ("vector(1)", .vector),
    ])
    func `knows the type of an expression`(text: String, type: ValueType) throws {
        #expect(try PromQL.parse(text).type == type)
    }

    @Test func `refuses nesting that would cost the stack`() {
        let deep = String(repeating: "(", count: 20_000) + "1" + String(repeating: ")", count: 20_000)
        #expect(throws: PromQLError.self) { try PromQL.parse(deep) }
        let long = Array(repeating: "1", count: 20_000).joined(separator: "+")
        #expect(throws: PromQLError.self) { try PromQL.parse(long) }
        #expect(throws: PromQLError.self) { try PromQL.parse(String(repeating: "-", count: 60_000) + "1") }
    }

    @Test func `never traps on any text`() throws {
        let words: [String] = [
            "sum", "(", ")", "{", "}", "[", "]", "5m", "1", "up", "offset", "@", "by", "on", "group_left", "\"a\"", ",",
            "=~", "=", "!=", "-", "^", "bool", ":", "rate", "#", "\n", "end", "'", "\\", "é", "0x", "1e", ".", "topk",
        ]
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...12, using: &generator)
            let text: String = (0..<count).map { _ in words.randomElement(using: &generator) ?? "" }
                .joined(separator: Bool.random(using: &generator) ? " " : "")
            guard let expression = try? PromQL.parse(text) else { continue }
            let range = QueryRange.instant(Timestamp(milliseconds: 1_000_000))
            let data = [[SeriesData]](repeating: [], count: expression.selectors.count)
            _ = try? expression.evaluate(over: range, data: data)
        }
    }
}

/// SplitMix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
