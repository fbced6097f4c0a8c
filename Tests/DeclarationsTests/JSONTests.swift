import Declarations
import Testing

@Suite struct JSONTests {
    /// RFC 8785, appendix B.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"), (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"), (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"), (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"), (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"), (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"), (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] as [(UInt64, String)])
    func numbersAreWrittenAsECMAScriptWritesThem(bits: UInt64, text: String) throws {
        let number = JSONValue.number(Double(bitPattern: bits))
        #expect(number.canonicalText == text)
        #expect(try JSONValue(parsing: text).canonicalText == text)
    }

    @Test func keysAreSortedByUTF16CodeUnits() throws {
        // RFC 8785, section 3.2.3.
        let text = """
            {"\\u20ac": "Euro Sign", "\\r": "Carriage Return", "\\ufb33": "Hebrew Letter Dalet With Dagesh", \
            "1": "One", "\\ud83d\\ude00": "Emoji: Grinning Face", "\\u0080": "Control", \
            "\\u00f6": "Latin Small Letter O With Diaeresis"}
            """
        let values: [Substring] = try JSONValue(parsing: text).canonicalText.split(separator: "\"").filter {
            $0.first?.isUppercase == true
        }
        #expect(
            values == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ])
    }

    @Test(arguments: 0..<50)
    func keysOfAllPlanesAreSortedByUTF16CodeUnits(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let characters: [String] = [
            "a", "b", "\u{7F}", "é", "€", "\u{D7FF}", "\u{E000}", "\u{FFFD}", "\u{10000}", "\u{10FFFF}",
        ]
        let keys: Set<String> = Set(
            (0..<40).map { _ in
                (0..<Int.random(in: 0...4, using: &random)).map { _ in characters.randomElement(using: &random) ?? "" }
                    .joined()
            })
        let text: String = JSONValue.object(Dictionary(keys.map { ($0, .null) }) { first, _ in first }).canonicalText
        let written: [String] = try JSONValue.members(parsing: text).map(\.key)
        #expect(written == keys.sorted { Array($0.utf16).lexicographicallyPrecedes(Array($1.utf16)) })
    }

    @Test func textsAreEscapedOnlyWhereTheyMustBe() throws {
        // RFC 8785, section 3.2.2.
        let text = #"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#
        #expect(
            try JSONValue(parsing: text).canonicalText
                == #"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#)
    }

    @Test(arguments: [
        ("", "1:1: unexpected end"), ("{", "1:2: expected a key"), ("[1,\n 2", "2:3: expected ',' or ']'"),
        (#"{"a":1,"a":2}"#, #"1:8: duplicate key "a""#), ("01", "1:1: a number must not begin with 0"),
        ("1e999", "1:1: number out of range"), ("nul", "1:1: expected a value"), ("1 2", "1:3: unexpected text after"),
        (#""\ud800""#, "1:2: unpaired surrogate"), ("\"\u{1}\"", "1:2: control character"), ("-", "1:1: expected"),
        (#""a"#, "1:1: unterminated string"), ("1.", "1:3: expected a digit"), (#""\x""#, "1:2: unknown escape"),
    ])
    func malformedTextIsRefusedWithItsPlace(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.description.hasPrefix(message) == true, "\(String(describing: error))")
    }

    @Test func deepNestingAndInvalidUTF8AreRefused() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 100_000)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func writingAndReadingAgainIsIdentity() throws {
        var random = SeededGenerator(seed: 3)
        func value(_ depth: Int) -> JSONValue {
            switch random.next() % (depth > 3 ? 4 : 6) {
            case 0: return .null
            case 1: return .bool(Bool.random(using: &random))
            case 2:
                let number = Double(bitPattern: random.next())
                return .number(number.isFinite ? number : 0.1)
            case 3:
                let scalars: [Unicode.Scalar] = (0..<5).compactMap { _ in
                    Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random))
                }
                return .string(String(String.UnicodeScalarView(scalars)))
            case 4: return .array((0..<3).map { _ in value(depth + 1) })
            default: return .object(["a": value(depth + 1), "ü": value(depth + 1)])
            }
        }
        for _ in 0..<500 {
            let original: JSONValue = value(0)
            #expect(try JSONValue(parsing: original.canonical) == original)
            #expect(try JSONValue(parsing: original.indented) == original)
        }
    }

    @Test func indentedTextIsForPeople() throws {
        let value: JSONValue = ["b": [1, "x"], "a": [:], "c": ["d": [], "e": true]]
        #expect(
            value.indented == """
                {
                  "a": {},
                  "b": [
                    1,
                    "x"
                  ],
                  "c": {
                    "d": [],
                    "e": true
                  }
                }

                """)
    }
}
