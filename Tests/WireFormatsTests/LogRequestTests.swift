import Declarations
import Telemetry
import Testing
import WireFormats

@Suite struct LogRequestTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func read(_ body: JSONValue) throws -> LogRequest { try LogRequest(parsing: body.canonical, now: now) }

    @Test func whatIsWrittenIsReadAgain() throws {
        let batch = LogStreamBatch(
            stream: "a1-_", origin: LogOrigin(source: "system", path: "/var/log/x", labels: ["job": "s"]),
            lines: [
                .init(place: 0, line: LogLine(time: now, level: .warn, message: "a\n\u{1F600}", fields: #"{"x":[1]}"#)),
                .init(place: 7, line: LogLine(time: now - .seconds(1), level: .info, message: "b")),
            ], end: 19)
        let request = try LogRequest(parsing: LogRequest.body(host: "web", streams: [batch]), now: now)
        #expect(request.host == "web")
        #expect(request.streams == [batch])
        #expect(request.rejectedLines == 0)
    }

    /// Every character of the first planes' beginnings, and times of every kind, over the wire and back.
    @Test func textsAndTimesComeBackAsTheyWere() throws {
        let times: [Int64] = [0, 1, 999_999, 100_000, 1_000_000, 60_000_001]
        let scalars: [Unicode.Scalar] = (1..<0x300).compactMap(Unicode.Scalar.init) + ["\u{FFFD}", "\u{1F600}"]
        var lines: [LogStreamBatch.PlacedLine] = []
        for (number, scalar) in scalars.enumerated() {
            let second = Timestamp(microseconds: now.microseconds / 1_000_000 * 1_000_000 - 120_000_000)
            let time = Timestamp(microseconds: second.microseconds + times[number % times.count])
            lines.append(
                .init(
                    place: number,
                    line: LogLine(time: time, level: .info, message: "a\(String(scalar))\(String(scalar))z")))
        }
        let batch = LogStreamBatch(
            stream: "s", origin: LogOrigin(source: "app", path: "/var/log/\"x\".log", labels: ["a": "\"b\""]),
            lines: lines, end: lines.count)
        let request = try LogRequest(parsing: LogRequest.body(host: "web", streams: [batch]), now: now)
        #expect(request.streams == [batch])
    }

    // Shows F-SV-10, W-A-03
    @Test func whatCannotBeStoredIsRefusedLineByLineAndItsPlaceCounts() throws {
        let lines: [JSONValue] = [
            ["place": 0, "message": "good"], ["place": 5, "message": 7], ["place": 9, "message": "x", "level": "loud"],
            ["place": 12, "message": "x", "time": "yesterday"], ["place": 15, "message": "x", "time": 1000],
            ["place": 18, "message": "x", "fields": [1]],
            ["place": 21, "message": .string(String(repeating: "x", count: 300_000))],
            ["place": 30, "message": "a\u{0}b"],
        ]
        let request = try read(["streams": [["stream": "s", "end": 40, "lines": .array(lines)]]])
        let stream = try #require(request.streams.first)
        #expect(stream.lines.map(\.place) == [0, 5, 9, 12, 15, 18, 21, 30])
        #expect(stream.lines.map { $0.line?.message } == ["good", nil, nil, nil, nil, nil, nil, "a\u{FFFD}b"])
        #expect(request.rejectedLines == 6)
        #expect(request.rejects.map(\.path) == [1, 2, 3, 4, 5, 6].map { "/streams/0/lines/\($0)" })
        #expect(request.rejects[3].reason.contains("old"))
    }

    @Test(arguments: [
        (#"{"stream":"a b","end":1,"lines":[]}"#, "stream"), (#"{"stream":"s","lines":[{"place":0}]}"#, "end"),
        (#"{"stream":"s","end":5,"lines":[{"place":3,"message":"x"},{"place":3,"message":"y"}]}"#, "place"),
        (#"{"stream":"s","end":3,"lines":[{"place":3,"message":"x"}]}"#, "place"),
        (#"{"stream":"s","end":3,"lines":[{"message":"x"}]}"#, "place"),
        (#"{"stream":"s","end":3,"lines":[],"labels":{"a":1}}"#, "labels"),
    ])
    func aStreamThatIsNoneIsRefusedWhole(stream: String, word: String) throws {
        let request = try LogRequest(parsing: Array(#"{"streams":[\#(stream)]}"#.utf8), now: now)
        #expect(request.streams.isEmpty)
        #expect(request.rejects.first?.reason.contains(word) == true)
    }

    @Test func aSimpleEntryNeedsAMessageAndNothingElse() throws {
        let request = try read([
            "host": "web", "key": "k",
            "entries": [["message": "x"], ["message": "y", "level": "ERR", "source": "cron"], 7],
        ])
        #expect(request.entries.map(\.line.message) == ["x", "y"])
        #expect(request.entries.map(\.line.level) == [.info, .error])
        #expect(request.entries.map(\.origin.source) == ["api", "cron"])
        #expect(request.entries[0].line.time == now)
        #expect(request.key == "k")
        #expect(request.rejectedLines == 1)
    }

    @Test(arguments: ["", "[]", "{}", #"{"entries":{}}"#, #"{"entries":[],"key":""}"#, "{\"entries\":[\"\u{1}\"]}"])
    func whatIsNoRequestIsRefused(text: String) {
        #expect(throws: WireFormatError.self) { _ = try LogRequest(parsing: Array(text.utf8), now: now) }
    }
}
