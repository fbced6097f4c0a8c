import Manifests
import Testing

@testable import Declarations

/// What a schema can say, apart from any kind.
@Suite struct SchemaDecoderTests {
    private let schema = ObjectSchema([
        .optional("steps", .list(of: .object(ObjectSchema([.required("at", .number, "When.")]))), "In order."),
        .optional("ratio", .number, default: 0.5, "A share."),
        .optional("on", .bool, default: true, "Whether."),
    ])

    private func decode(_ text: String) -> (normalForm: JSONValue?, problems: [String]) {
        let document = composeManifest(file: "m.yaml", bytes: Array(text.utf8)).documents[0]
        var found: [Problem] = []
        let source = SourceValue(document.root, problems: &found)
        var decoder = SchemaDecoder { _ in nil }
        let normalForm = decoder.decode(source, as: .object(schema))
        let all: [Problem] = found + decoder.problems
        return (
            normalForm,
            all.map { problem in
                guard case .mark(let mark) = problem.place else { return problem.message }
                return "\(mark.line):\(mark.column): \(problem.message)"
            }
        )
    }

    @Test func listsKeepTheirOrderAndRepetition() {
        #expect(
            decode("{steps: [{at: 2}, {at: 1}, {at: 2}], ratio: 5e-1}").normalForm
                == ["steps": [["at": 2], ["at": 1], ["at": 2]]])
    }

    @Test(
        arguments: [
            ("+12", 12), ("-0", 0), ("0x1F", 31), ("0o17", 15), ("1.", 1), (".5", 0.5), ("-.5e1", -5), ("1e3", 1000),
            ("007", 7), ("9007199254740991", 9_007_199_254_740_991),
        ] as [(String, Double)])
    func numbersAreThoseOfTheCoreSchema(text: String, number: Double) {
        #expect(decode("{steps: [{at: \(text)}]}").normalForm == ["steps": [["at": .number(number)]]])
    }

    @Test(arguments: [
        ".inf", "-.INF", ".nan", "9007199254740992", "1e400", "0x", "0o8", "1e", ".", "1_000", "'1'", "true", "1.2.3",
    ])
    func whatIsNoFiniteExactNumberIsRefused(text: String) {
        let result = decode("{steps: [{at: \(text)}]}")
        #expect(result.normalForm == nil)
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.hasPrefix("1:15: expected a") == true, "\(result.problems)")
    }

    @Test(arguments: ["yes", "no", "on", "off", "y", "1", "'true'", "tRUE"])
    func onlyTrueAndFalseAreBooleans(text: String) {
        #expect(decode("{on: \(text)}").problems.first?.hasPrefix("1:6: expected true or false, got") == true)
    }

    @Test func everyItemOfAListIsLookedAt() {
        #expect(
            decode("steps:\n  - {at: x}\n  - {}\n  - at: 1\n    att: 2\n").problems == [
                "2:10: expected a number, got \"x\"", "3:5: \"at\" is missing",
                "5:5: unknown field \"att\"; did you mean \"at\"?",
            ])
    }

    @Test func aListThatIsTooLongIsRefused() {
        let items: String = Array(repeating: "{at: 1}", count: 1001).joined(separator: ", ")
        #expect(decode("{steps: [\(items)]}").problems == ["1:9: expected at most 1000 items, there are 1001"])
    }
}
