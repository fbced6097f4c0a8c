import Declarations
import Pipelines
import Telemetry
import Testing

@Suite struct EventRequestTests {
    private let now = Timestamp(microseconds: 1_795_262_400_000_000)

    // Shows F-ET-01
    @Test func aBadEventIsRejectedAndTheOthersAreTaken() throws {
        let body = try JSONValue(
            parsing: """
                {"events": [
                {"id": "1", "time": "2026-11-21T11:59:00Z", "source": "a", "type": "b", "payload": {"n": 1}},
                {"id": "2", "source": "a"},
                {"id": "3", "time": "soon", "source": "a", "type": "b"},
                {"id": "4", "source": "a", "type": "b", "payload": 5},
                {"id": "5", "source": "a", "type": "b", "colour": "red"},
                7,
                {"id": "6", "source": "a", "type": "b"}]}
                """)
        let request = try EventRequest(body, host: nil, now: now)
        #expect(request.accepted.map(\.sourceID) == ["1", "6"])
        #expect(request.accepted[1].time == now)
        #expect(
            request.rejected.map { "\($0.index) \($0.reason)" } == [
                "1 /type: is missing", "2 /time: expected an RFC 3339 time", "3 payload: expected an object",
                #"4 unknown field "colour""#, "5 expected an object",
            ])
    }

    @Test func aCredentialOfOneHostWritesForThatHostAlone() throws {
        let body: JSONValue = [
            "events": [
                ["id": "1", "source": "a", "type": "b"], ["id": "2", "source": "a", "type": "b", "host": "other"],
            ]
        ]
        let request = try EventRequest(body, host: "web-1", now: now)
        #expect(request.accepted.map(\.host) == ["web-1"])
        #expect(request.rejected.map(\.index) == [1])
    }

    @Test func aBodyOfAnotherFormIsRefusedAsAWhole() {
        #expect(throws: JSONFormError.self) { try EventRequest(["items": []], host: nil, now: now) }
        #expect(throws: JSONFormError.self) { try EventRequest(["events": 1], host: nil, now: now) }
    }
}
