import Declarations
import Telemetry
import Testing
import WireFormats

@Suite struct LineParserTests {
    // 2026-11-21T03:10:00Z, on a host an hour east of Greenwich.
    private let clock = LineClock(now: Timestamp(rfc3339: "2026-11-21T03:10:00Z") ?? Timestamp(seconds: 0)) { _ in 3600
    }

    private func parse(_ text: String, _ form: LogSourceSpec.Parser = .auto) -> ParsedLine {
        LineParser(form).parse(text, clock)
    }

    // Shows F-AG-17
    @Test(arguments: [
        (#"{"level":"WARNING","msg":"x"}"#, LogLevel.warn), (#"{"severity":"critical","message":"x"}"#, .error),
        (#"{"level":50,"msg":"x"}"#, .error), (#"{"PRIORITY":"4","MESSAGE":"x"}"#, .warn),
        (#"{"level":"panic","msg":"x"}"#, .error), (#"{"level":"trace","msg":"x"}"#, .debug),
        ("[ERROR] disk is full", .error), ("[core:warn] [pid 1] x", .warn), ("<err> x", .error),
        ("2026-11-21T03:09:42Z WARN: x", .warn), ("2026-11-21 03:09:42,123 ERROR main x", .error),
        ("2026-11-21 03:09:42 error x", .error), ("main FATAL x", .error), ("WARNING: x", .warn),
        ("Nov 21 03:09:42 web-1 kernel: error: x", .error), ("2026/11/21 03:09:42 [crit] 12#0: x", .error),
        ("level=debug msg=x", .debug), ("time=2026-11-21T03:09:42Z lvl=err msg=\"a b\"", .error),
        ("E1121 03:09:42.1 main.go:7] x", .error), ("Debug: x", .debug),
    ])
    func levelsOfEveryFormAreFound(text: String, level: LogLevel) { #expect(parse(text).level == level) }

    // Shows F-AG-17
    @Test(arguments: [
        "no error was found", "the warning light is off", "GET /error HTTP/1.1", "errors=0 total=1",
        "information wanted",
        "a b c d e f g ERROR", "",
    ])
    func wordsThatOnlySpeakOfLevelsAreNone(text: String) { #expect(parse(text).level == nil) }

    @Test(arguments: [
        ("2026-11-21T03:09:42Z x", "2026-11-21T03:09:42Z"), ("2026-11-21T03:09:42.5+02:00 x", "2026-11-21T01:09:42.5Z"),
        ("2026-11-21T03:09:42.123456+00:00 web-1 sshd[7]: x", "2026-11-21T03:09:42.123456Z"),
        ("2026-11-21 03:09:42,250 x", "2026-11-21T02:09:42.25Z"),
        ("2026-11-21 03:09:42 UTC [7] LOG:  x", "2026-11-21T03:09:42Z"),
        ("[2026-11-21 03:09:42] x", "2026-11-21T02:09:42Z"), ("2026/11/21 03:09:42 [error] x", "2026-11-21T02:09:42Z"),
        ("Nov 21 03:09:42 web-1 cron[7]: x", "2026-11-21T02:09:42Z"),
        ("Nov  1 03:09:42 web-1 cron: x", "2026-11-01T02:09:42Z"),
        ("Dec 31 23:59:59 web-1 cron: x", "2025-12-31T22:59:59Z"),
        ("[Sat Nov 21 03:09:42.5 2026] [core:error] x", "2026-11-21T02:09:42.5Z"),
        (#"10.0.0.1 - - [21/Nov/2026:03:09:42 +0100] "GET / HTTP/1.1" 200 5"#, "2026-11-21T02:09:42Z"),
        (#"{"time":"2026-11-21T03:09:42Z","msg":"x"}"#, "2026-11-21T03:09:42Z"),
        (#"{"ts":1795230582.5,"msg":"x"}"#, "2026-11-21T03:09:42.5Z"),
        (#"{"timestamp":1795230582500,"msg":"x"}"#, "2026-11-21T03:09:42.5Z"),
        (#"{"@timestamp":"2026-11-21 03:09:42.5","msg":"x"}"#, "2026-11-21T02:09:42.5Z"),
        ("ts=2026-11-21T03:09:42Z level=info msg=x", "2026-11-21T03:09:42Z"),
        ("update-alternatives 2026-11-21 03:09:42: run with --install", "2026-11-21T02:09:42Z"),
        ("Start-Date: 2026-11-21  03:09:42", "2026-11-21T02:09:42Z"),
        ("INFO [2026-11-21 03:09:42,500] x", "2026-11-21T02:09:42.5Z"),
        ("E1121 03:09:42.250000   12 main.go:7] x", "2026-11-21T02:09:42.25Z"),
        ("<165>1 2026-11-21T03:09:42.003Z web-1 app - - - x", "2026-11-21T03:09:42.003Z"),
        ("<34>Nov 21 03:09:42 web-1 su: x", "2026-11-21T02:09:42Z"),
    ])
    func timesOfEveryFormAreFound(text: String, time: String) { #expect(parse(text).time?.rfc3339 == time) }

    @Test(arguments: [
        "it expires 2026-11-21T03:09:42Z", "2026-13-21T03:09:42Z x", "2026-02-30 03:09:42 x", "12345 x",
        "Now 21 03:09:42 x",
        #"{"time":7,"msg":"x"}"#, "2026-11-21", "1.2.3.4 [21/Nov/2026]", "[2026-11-21 03:09:42",
    ])
    func whatIsNoTimeIsNone(text: String) { #expect(parse(text).time == nil) }

    @Test func aStructuredLineKeepsWhatItHoldsBesideTimeLevelAndMessage() {
        let parsed = parse(
            #"{"time":"2026-11-21T03:09:42Z","level":"INFO","msg":"request","status":200,"user":{"id":7}}"#)
        #expect(parsed.message == "request")
        #expect(parsed.fields == ["status": 200, "user": ["id": 7]])
        // What the four levels cannot say stays.
        #expect(parse(#"{"level":"CRITICAL","msg":"x"}"#).fields == ["level": "CRITICAL"])
        let logfmt = parse(#"level=warn msg="a \"b\"" status=200 path=/x"#)
        #expect(logfmt.message == #"a "b""#)
        #expect(logfmt.fields == ["status": "200", "path": "/x"])
    }

    @Test func aContainersWrapperIsTakenOff() {
        let parsed = parse(
            #"{"log":"{\"level\":\"error\",\"msg\":\"x\",\"n\":1}\n","stream":"stderr","time":"2026-11-21T03:09:42.5Z"}"#
        )
        #expect(parsed.message == "x")
        #expect(parsed.level == .error)
        #expect(parsed.time?.rfc3339 == "2026-11-21T03:09:42.5Z")
        #expect(parsed.fields == ["stream": "stderr", "n": 1])
    }

    @Test func aPlainLineIsKeptAsItStandsWithItsProgram() {
        let text = "Nov 21 03:09:42 web-1 sshd[1234]: Accepted publickey for ada"
        #expect(parse(text).message == text)
        #expect(parse(text).fields == ["program": "sshd", "pid": "1234"])
        #expect(parse("web-1 x: y").fields.isEmpty)
    }

    @Test func syslogsHeaderBecomesFields() {
        let parsed = parse(
            #"<165>1 2026-11-21T03:09:42Z web-1 app 12 ID47 [x@1 k="v" q="a\"b"][y@1] an event"#)
        #expect(parsed.message == "an event")
        #expect(parsed.level == .info)
        #expect(
            parsed.fields == [
                "hostname": "web-1", "program": "app", "pid": "12", "msgid": "ID47", "x@1": ["k": "v", "q": "a\"b"],
                "y@1": [:],
            ])
        #expect(parse("<163>1 - - - - - - x").level == .error)
        #expect(parse("<163>1 - - - - - - x").message == "x")
        #expect(parse("<163>1 - - - - - - x").fields.isEmpty)
        let older = parse("<34>Nov 21 03:09:42 web-1 su[7]: 'su root' failed")
        #expect(older.level == .error)
        #expect(older.fields == ["program": "su", "pid": "7"])
        #expect(parse("Nov 21 03:09:42 web-1 su: x", .syslog).fields == ["program": "su"])
    }

    @Test func anAccessLogsRequestBecomesFields() {
        let parsed = parse(
            #"10.0.0.1 - ada [21/Nov/2026:03:09:42 +0100] "GET /a?b HTTP/1.1" 503 512 "https://x/" "curl/8.1""#)
        #expect(parsed.level == .error)
        #expect(
            parsed.fields == [
                "client": "10.0.0.1", "user": "ada", "method": "GET", "path": "/a?b", "status": 503, "bytes": 512,
                "referrer": "https://x/", "agent": "curl/8.1",
            ])
        let common = parse(#"::1 - - [21/Nov/2026:03:09:42 +0000] "-" 404 -"#, .access)
        #expect(common.level == .warn)
        #expect(common.fields == ["client": "::1", "status": 404])
        let virtual = parse(#"x.org:443 ::1 - - [21/Nov/2026:03:09:42 +0000] "GET / HTTP/2" 200 7"#)
        #expect(virtual.level == .info)
        #expect(virtual.fields["client"] == "::1")
    }

    @Test func klogsHeaderBecomesFields() {
        let parsed = parse("W1121 03:09:42.250000      12 server.go:7] slow", .klog)
        #expect(parsed.level == .warn)
        #expect(parsed.fields == ["thread": "12", "caller": "server.go:7"])
        #expect(parse("E1121 is a number").level == nil)
    }

    @Test func aParserThatIsAskedForReadsNothingElse() {
        #expect(parse(#"{"msg":"x"}"#, .plain).message == #"{"msg":"x"}"#)
        #expect(parse("a=b", .logfmt).message == "a=b")
        #expect(parse("level=error msg=x", .json).message == "level=error msg=x")
        #expect(parse(#"{"msg":"#).message == #"{"msg":"#)
    }

    @Test func aNULWithinJSONIsReplaced() {
        let parsed = parse(#"{"msg":"a\u0000b","x":["\u0000"]}"#)
        #expect(parsed.message == "a\u{FFFD}b")
        #expect(parsed.fields == ["x": ["\u{FFFD}"]])
    }

    /// Whatever stands in a file: an answer, and no trap.
    @Test(arguments: 0..<300) func noTextTraps(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "[", "]", "{", "}", "\"", "=", ":", " ", "\t", "2026", "-", "11", "/", "T", "03:09:42", "Nov", "Sat", "+01",
            "Z",
            "level", "error", "\\", "\u{0}", "é", "𝄞", "log", "stream", ",", ".", "<", "(", "E1121", "<34>", "1 ",
            "21/Nov/2026:03:09:42 +0100", "- ", "200",
        ]
        for _ in 0..<40 {
            let text: String = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            for form in LogSourceSpec.Parser.allCases { _ = parse(text, form) }
        }
    }
}

/// SplitMix64, so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
