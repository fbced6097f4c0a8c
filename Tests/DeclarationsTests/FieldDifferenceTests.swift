import Declarations
import Testing

@Suite struct FieldDifferenceTests {
    @Test func differencesAreFieldByFieldAndListsWhole() {
        let declared: JSONValue = [
            "expr": "up", "labels": ["a": "1", "b/c": "2"], "notifiers": ["x", "y"], "every": "30s",
        ]
        let live: JSONValue = [
            "expr": "up", "labels": ["a": "1", "d": "3"], "notifiers": ["x"], "severity": "critical",
        ]
        #expect(
            fieldDifferences(declared: declared, live: live) == [
                FieldDifference(path: "/every", declared: "30s", live: nil),
                FieldDifference(path: "/labels/b~1c", declared: "2", live: nil),
                FieldDifference(path: "/labels/d", declared: nil, live: "3"),
                FieldDifference(path: "/notifiers", declared: ["x", "y"], live: ["x"]),
                FieldDifference(path: "/severity", declared: nil, live: "critical"),
            ])
    }

    @Test func aMissingSideShowsEveryFieldOfTheOther() {
        let spec: JSONValue = ["hosts": ["names": ["a"]], "source": "cpu"]
        #expect(
            fieldDifferences(declared: spec, live: nil) == [
                FieldDifference(path: "/hosts/names", declared: ["a"], live: nil),
                FieldDifference(path: "/source", declared: "cpu", live: nil),
            ])
        #expect(fieldDifferences(declared: spec, live: spec).isEmpty)
        #expect(fieldDifferences(declared: nil, live: nil).isEmpty)
    }

    @Test func textsThatDifferInBytesOnlyAreDifferent() {
        #expect(fieldDifferences(declared: ["a": "\u{e9}"], live: ["a": "e\u{301}"]).count == 1)
    }

    @Test func aLiveSpecThatIsNoObjectIsOneDifference() {
        #expect(
            fieldDifferences(declared: ["a": 1], live: "x") == [
                FieldDifference(path: "", declared: ["a": 1], live: "x")
            ])
    }

    @Test func sensitiveFieldsShowTheirAddressAndAHash() {
        let shorten: (String) -> String = { hexadecimal(sha256(Array($0.utf8))) }
        let spec: JSONValue = ["type": "webhook", "url": "https://example.org:8443/hook?token=hunter2"]
        let shown: JSONValue = redacted(spec, kind: .notifier, hmac: shorten)
        let hash: Substring = shorten("https://example.org:8443/hook?token=hunter2").prefix(8)
        #expect(shown == ["type": "webhook", "url": .string("https://example.org:8443#\(hash)")])
        #expect(redacted(spec, kind: .alertRule, hmac: shorten) == spec)
    }

    @Test func whatAHandMadeChangePutsBesideTheSchemaIsRedactedToo() {
        let specs: [JSONValue] = [
            ["type": "webhook", "headers": ["Authorization": "hunter2"]], ["url": ["hunter2"]], "hunter2",
            ["url": "https://user:hunter2@example.org/"], ["url": "hunter2"],
        ]
        for spec in specs {
            let shown: JSONValue = redacted(spec, kind: .notifier) { _ in "0123456789abcdef" }
            #expect(!shown.canonicalText.contains("hunter2"))
            #expect(shown.canonicalText.contains("#01234567\""))
        }
    }
}
