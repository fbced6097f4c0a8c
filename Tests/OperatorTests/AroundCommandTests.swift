import Declarations
import PlatformClient
import Telemetry
import Testing

@testable import Operator

@Suite struct AroundCommandTests {
    private let now = Timestamp(milliseconds: 1_763_683_600_000)

    @Test func aMomentIsWrittenInThreeWays() {
        #expect(AroundCommand.moment("now", now: now) == now)
        #expect(AroundCommand.moment("1h30m ago", now: now) == now - .minutes(90))
        #expect(AroundCommand.moment("2025-11-21T00:06:40Z", now: now) == now)
        for wrong in ["", "ago", "10 minutes ago", "yesterday", "10m"] {
            #expect(AroundCommand.moment(wrong, now: now) == nil, "\(wrong)")
        }
    }

    @Test func theAnswerIsATimelineThenWhatMovedThenWhatIsMissing() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"version":1,"from":"2026-11-21T02:59:00Z","to":"2026-11-21T03:29:00Z","host":"web-1",
                 "timeline":[{"at":"2026-11-21T03:13:58.5Z","kind":"commit","text":"commit dc24df34"},
                             {"at":"2026-11-21T03:14:20Z","kind":"alert","text":"cpu-high fired"}],
                 "sources":{"alert":{"count":1,"truncated":true},"log":{"count":0,"error":"no database"}},
                 "metrics":{"moves":[
                     {"metric":"node_load1","labels":{"host":"web-1"},"before":0.40213,"during":8.7131,"rate":false,
                      "score":61.2},
                     {"metric":"x_total","labels":{},"during":12345.6,"rate":true,"score":50}],
                   "moved":3,"series":900,"seriesLooked":400,
                   "sources":[{"host":"web-1","producer":"cpu","kind":"ended","series":40}]}}
                """#)
        #expect(
            AroundCommand.text(answer) == """
                2026-11-21T02:59:00Z to 2026-11-21T03:29:00Z on web-1

                TIME      WHAT
                03:13:58  commit  commit dc24df34
                03:14:20  alert   cpu-high fired

                SCORE  BEFORE  AROUND   METRIC
                61.2   0.4021  8.713    node_load1{host="web-1"}
                50     new     12346/s  x_total

                alert: there were more; raise --limit or shorten --window
                log: could not be asked: no database
                all 40 series of cpu on web-1 ended
                metrics: looked at 400 of 900 series; name a host with --host
                metrics: 2 of 3 that moved
                """)
    }

    @Test func nothingIsSaidToo() {
        let answer: JSONValue = ["from": "a", "to": "b", "timeline": [], "metrics": ["moves": []]]
        #expect(AroundCommand.text(answer) == "a to b\n\nnothing happened\n\nno metric moved")
    }
}
