import Declarations
import MongoDouble
import Pipelines
import Telemetry
import Testing

@testable import MongoStore

/// Ids and positions travel as text and must come back as they were.
@Suite struct IdentityTests {
    private func element(_ value: BSON) throws -> BSONElement {
        try #require(BSONScanner.element(at: "_id", in: BSONDocument([("_id", value)]).bytes[...]))
    }

    @Test func anElementOfAnyTypeComesBackFromItsText() throws {
        let strange: [BSON] = [
            .rawString([0xFF, 0x00, 0x41]), "a\u{0}b", "", .double(.nan), .double(-0.0), .double(1e300),
            .double(.infinity), .double(0.1), .objectID(numbered: 300), .date(-1), .int64(.min),
        ]
        var texts: Set<String> = []
        for value in valueOfEachType.map(\.1) + strange {
            let original: BSONElement = try element(value)
            let text: String = original.extendedJSON.canonicalText
            let read = BSONElement(extendedJSON: try JSONValue(parsing: Array(text.utf8)))
            #expect(read == original, "\(text)")
            texts.insert(text)
        }
        #expect(texts.count == valueOfEachType.count + strange.count)
    }

    /// These texts are keys in the database: changing one loads every such document once more.
    @Test func theTextsOfCommonIDsNeverChange() throws {
        let cases: [(BSON, String)] = [
            (.objectID(Array(0xA0...0xAB)), #"{"$oid":"a0a1a2a3a4a5a6a7a8a9aaab"}"#), ("order-7", #""order-7""#),
            (.int32(7), #"{"$numberInt":"7"}"#), (.int64(-7), #"{"$numberLong":"-7"}"#),
            (.double(1), #"{"$numberDouble":"1.0"}"#), (.date(1000), #"{"$date":{"$numberLong":"1000"}}"#),
            (.binary(subtype: 4, [1, 2]), #"{"$binary":{"base64":"AQI=","subType":"04"}}"#),
            (["a": .int32(1)], #"{"$bson":{"base64":"DAAAABBhAAEAAAAA","type":"3"}}"#),
        ]
        for (value, text) in cases { #expect(try element(value).extendedJSON.canonicalText == text) }
    }

    @Test func whatIsNoElementIsRefused() throws {
        for text in [
            "1", "[]", "{}", #"{"$oid":"12"}"#, #"{"$oid":1}"#, #"{"$numberInt":"x"}"#, #"{"$bson":{"type":"3"}}"#,
            #"{"$oid":"a0a1a2a3a4a5a6a7a8a9aaab","x":1}"#, #"{"$other":"x"}"#,
        ] {
            #expect(BSONElement(extendedJSON: try JSONValue(parsing: Array(text.utf8))) == nil, "\(text)")
        }
    }

    @Test func idsOfDifferentBytesHaveDifferentKeys() throws {
        let hex = "0102030405060708090a0b0c"
        let values: [BSON] = [
            .objectID(Array(1...12)), .string(hex), .rawString([0x41, 0xFF]), .rawString([0x41, 0xFE]), "A\u{FFFD}",
            "A\u{0}", .int32(1), .int64(1), .double(1), "1", "", .bool(true), .null, ["a": .int32(1)],
            ["a": .int64(1)],
        ]
        let keys: [String] = try values.map { DocumentID(bson: try element($0)).key }
        #expect(Set(keys).count == values.count, "\(keys)")
        #expect(keys[0] == hex)
        #expect(keys.allSatisfy { !$0.utf8.contains(0) })
    }

    @Test func positionsComeBackFromTheirText() throws {
        let position = PagePosition(cursor: try element(.date(5)), id: try element("x"))
        #expect(position.text == #"{"cursor":{"$date":{"$numberLong":"5"}},"id":"x"}"#)
        #expect(PagePosition(text: position.text) == position)
        let simple = PagePosition(cursor: nil, id: try element(.int32(1)))
        #expect(PagePosition(text: simple.text) == simple)
        for text in ["", "{}", "x", #"{"id":{"$oid":"1"}}"#] { #expect(PagePosition(text: text) == nil) }
    }

    @Test func passwordsAreTakenOutOfTexts() {
        let address = MongoAddress(
            "mongodb://ada:p%40ss:w/rd@h1:27017/db?tlsCertificateKeyFilePassword=key%21&appName=shown"
                + "&authMechanismProperties=AWS_SESSION_TOKEN:token")
        let text = "no p@ss:w/rd, p%40ss:w/rd, key!, key%21 or AWS_SESSION_TOKEN:token; but ada, h1 and shown"
        #expect(address.redacted(text) == "no …, …, …, … or …; but ada, h1 and shown")
        #expect(MongoAddress("mongodb://h1,h2/db").redacted("h1 h2 db") == "h1 h2 db")
        #expect(MongoAddress("mongodb://ada:@h").redacted("ada h") == "ada h")
        #expect(MongoAddress("").redacted("text") == "text")
    }

    @Test func failuresSayWhatACallerCanDo() {
        func kind(_ origin: MongoFailure.Origin, _ code: Int32 = 0) -> SourceError.Kind {
            MongoFailure(origin: origin, code: code, message: "").kind
        }
        #expect(kind(.connection) == .unreachable && kind(.reply) == .unreachable)
        #expect(kind(.authentication) == .refused && kind(.usage) == .failed)
        for code: Int32 in [13, 18, 8000] { #expect(kind(.server, code) == .refused) }
        for code: Int32 in [11600, 10107, 50, 43] { #expect(kind(.server, code) == .unreachable) }
        #expect(kind(.server, 73) == .misconfigured && kind(.server, 2) == .failed)
        #expect(MongoFailure(origin: .server, code: 50, message: "").remedy.contains("index"))
        #expect(MongoFailure(origin: .server, code: 292, message: "").remedy.contains("index"))
        #expect(!MongoFailure(origin: .server, code: 2, message: "").breaksConnection)
        #expect(MongoFailure(origin: .server, code: 10107, message: "").breaksConnection)
    }
}
