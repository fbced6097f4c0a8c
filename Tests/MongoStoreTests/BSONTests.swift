import Declarations
import MongoDouble
import Pipelines
import Telemetry
import Testing

@testable import MongoStore

@Suite struct BSONTests {
    private func value(_ document: BSONDocument) throws -> DocumentValue { try DocumentValue(bson: document.bytes) }

    private func problem(_ bytes: [UInt8]) -> String? {
        do {
            _ = try DocumentValue(bson: bytes)
            return nil
        } catch { return error.description }
    }

    // Shows W-B-11
    @Test func eachTypeHasAValue() throws {
        let found: DocumentValue = try value(BSONDocument(valueOfEachType))
        let expected: [String: DocumentValue] = [
            "double": .number(4.5), "string": .string("Größe 🙂"),
            "document": .object(["a": .object(["b": .integer(1)])]),
            "array": .array([.integer(1), .array([.string("x"), .null]), .object(["k": .bool(false)])]),
            "binary": .other(type: "binary", text: "AAH+/w=="), "oldBinary": .other(type: "binary", text: "AQID"),
            "uuid": .other(type: "uuid", text: "00010203-0405-0607-0809-0a0b0c0d0e0f"),
            "digest": .other(type: "binary/5", text: "Bw=="), "undefined": .null,
            "objectID": .objectID("0102030405060708090a0b0c"), "bool": .bool(true),
            "date": .date(Timestamp(milliseconds: 1_763_683_200_123)), "null": .null,
            "regex": .other(type: "regex", text: "/^a/b/im"),
            "dbPointer": .other(type: "dbPointer", text: "db.c:0102030405060708090a0b0c"),
            "javascript": .other(type: "javascript", text: "f()"), "symbol": .string("sym"),
            "javascriptWithScope": .object(["code": .string("g(x)"), "scope": .object(["x": .integer(3)])]),
            "int32": .integer(-7), "timestamp": .other(type: "timestamp", text: "1700000000:3"),
            "int64": .integer(9_007_199_254_740_993), "decimal128": .other(type: "decimal128", text: "1.10"),
            "minKey": .other(type: "minKey", text: "minKey"), "maxKey": .other(type: "maxKey", text: "maxKey"),
        ]
        #expect(found == .object(expected))
        #expect(expected.count == valueOfEachType.count)
    }

    // Shows W-B-11
    @Test func textsThatAreNotUTF8AreRepairedAndZerosKept() throws {
        let found: DocumentValue = try value([
            "latin": .rawString([0x47, 0xF6, 0x21]), "zero": "a\u{0}b", "cut": .rawString([0xF0, 0x9F, 0x99]),
        ])
        #expect(
            found
                == .object([
                    "latin": .string("G\u{FFFD}!"), "zero": .string("a\u{0}b"), "cut": .string("\u{FFFD}"),
                ]))
    }

    @Test func datesThatRFC3339CannotWriteStayNumbers() throws {
        let found: DocumentValue = try value([
            "last": .date(253_402_300_799_999), "after": .date(253_402_300_800_000),
            "first": .date(-62_167_219_200_000),
            "least": .date(.min), "greatest": .date(.max),
        ])
        #expect(
            found
                == .object([
                    "last": .date(Timestamp(milliseconds: 253_402_300_799_999)),
                    "after": .other(type: "date", text: "253402300800000"),
                    "first": .date(Timestamp(milliseconds: -62_167_219_200_000)),
                    "least": .other(type: "date", text: "-9223372036854775808"),
                    "greatest": .other(type: "date", text: "9223372036854775807"),
                ]))
        #expect(Timestamp(milliseconds: 253_402_300_799_999).rfc3339 == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(milliseconds: -62_167_219_200_000).rfc3339 == "0000-01-01T00:00:00Z")
    }

    @Test func ofTwoMembersWithOneNameTheFirstCounts() throws {
        #expect(try value(BSONDocument([("a", .int32(1)), ("a", .int32(2))])) == .object(["a": .integer(1)]))
    }

    @Test func nestingHasALimit() throws {
        func nested(_ depth: Int) -> BSONDocument {
            (1..<depth).reduce(BSONDocument()) { inner, _ in ["a": .document(inner)] }
        }
        #expect(problem(nested(200).bytes) == nil)
        #expect(problem(nested(201).bytes) == "documents nested more than 200 deep")
    }

    @Test func brokenBytesAreNamed() {
        let cases: [(bytes: [UInt8], problem: String)] = [
            ([], "a document of 0 bytes"), ([4, 0, 0, 0], "a document of 4 bytes"),
            ([6, 0, 0, 0, 0], "a document says that it has 6 bytes and has 5"),
            ([5, 0, 0, 0, 1], "a document without its end"),
            (BSONDocument([("a", .malformed(type: 0x60, []))]).bytes, "the type 96 does not exist"),
            (
                BSONDocument([("a", .malformed(type: 2, [255, 255, 255, 127]))]).bytes,
                "a value of 2147483647 bytes where 0 are left"
            ), (BSONDocument([("a", .malformed(type: 2, [255, 255, 255, 255]))]).bytes, "a length of -1"),
            (BSONDocument([("a", .malformed(type: 2, [2, 0, 0, 0, 65, 66]))]).bytes, "a text without its end"),
            (BSONDocument([("a", .malformed(type: 5, [255, 255, 255, 255, 0]))]).bytes, "a length of -1"),
            (
                BSONDocument([("a", .malformed(type: 5, [4, 0, 0, 0, 2, 9, 0, 0, 0]))]).bytes,
                "binary data of subtype 2 whose lengths differ"
            ),
            (
                BSONDocument([("a", .malformed(type: 15, [8, 0, 0, 0, 9, 0, 0, 0]))]).bytes,
                "code whose lengths differ"
            ), (BSONDocument([("a", .malformed(type: 1, [1, 2]))]).bytes, "a value of 8 bytes where 2 are left"),
        ]
        for (bytes, expected) in cases { #expect(problem(bytes) == expected) }
    }

    @Test func noBytesTrap() {
        var random = SeededGenerator(seed: 11)
        let good: [UInt8] = BSONDocument(valueOfEachType).bytes
        var refused = 0
        for _ in 0..<20_000 {
            var bytes: [UInt8] = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 4..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if problem(bytes) != nil { refused += 1 }
            _ = BSONScanner.element(at: "document.a.b", in: bytes[...])
        }
        #expect((1000..<20_000).contains(refused))
    }

    @Test func pathsLeadThroughDocuments() {
        let bytes: [UInt8] = BSONDocument([
            ("a", ["b": ["c": .int32(5)], "b.c": .int32(6)]), ("x", .int32(1)),
        ]).bytes
        #expect(BSONScanner.element(at: "a.b.c", in: bytes[...]) == .int32(5))
        #expect(BSONScanner.element(at: "x", in: bytes[...]) == .int32(1))
        #expect(BSONScanner.element(at: "x.y", in: bytes[...]) == nil)
        #expect(BSONScanner.element(at: "y", in: bytes[...]) == nil)
    }

    /// The texts are the BSON specification's; more digits than the format holds are zero there.
    @Test(
        arguments: [
            (0x7C00_0000_0000_0000, 0, "NaN"), (0xF800_0000_0000_0000, 0, "-Infinity"), (0x3040_0000_0000_0000, 0, "0"),
            (0xB040_0000_0000_0000, 0, "-0"), (0x303E_0000_0000_0000, 1, "0.1"), (0x303C_0000_0000_0000, 110, "1.10"),
            (0xB02C_0000_0000_0000, 100, "-1.00E-8"), (0x3034_0000_0000_0000, 1234, "0.001234"),
            (0x5FFF_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF, "9.999999999999999999999999999999999E+6144"),
            (0x3041_ED09_BEAD_87C0, 0x378D_8E63_FFFF_FFFF, "9999999999999999999999999999999999"),
            (0x3041_ED09_BEAD_87C0, 0x378D_8E64_0000_0000, "0"), (0x3046_0000_0000_0000, 1, "1E+3"), (0, 1, "1E-6176"),
            (0x6C10_0000_0000_0000, 5, "0"), (0x3032_0000_0000_0000, 1, "1E-7"), (0x3034_0000_0000_0000, 1, "0.000001"),
            (0x2FF2_3CDE_6FFF_9732, 0xDE82_5CD0_7E96_AFF2, "0.000001234567890123456789012345678901234"),
        ] as [(UInt64, UInt64, String)])
    func decimalsKeepTheirDigits(_ high: UInt64, _ low: UInt64, _ text: String) {
        #expect(Decimal128(high: high, low: low).description == text)
    }

    @Test func base64IsExact() {
        #expect(Base64.encode([UInt8]()) == "" && Base64.decode("") == [])
        #expect(["f", "fo", "foo", "foob"].map { Base64.encode($0.utf8) } == ["Zg==", "Zm8=", "Zm9v", "Zm9vYg=="])
        for text in ["Zg==", "Zm8=", "Zm9v", "+/+/"] { #expect(Base64.decode(text).map { Base64.encode($0) } == text) }
        for text in ["Z", "Zh==", "Zg=", "Zg===", "Z g=", "Zm9v\n"] { #expect(Base64.decode(text) == nil) }
    }
}

/// Numbers that are the same in each run (SplitMix64).
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
