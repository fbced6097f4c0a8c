import Declarations
import PageBuilder
import Synchronization
import Telemetry

let noon = Timestamp(rfc3339: "2026-11-21T12:00:00Z") ?? Timestamp(milliseconds: 0)

/// A platform that has run for two days, asked by closures.
final class SamplePlatform: Sendable {
    struct State {
        var isReachable = true
        var spec = SamplePlatform.spec
        var pages = ["status"]
        var questions = 0
        /// Since when the queries have values.
        var begun: Timestamp = noon - .days(2)
        var events: [AlertEvent] = [
            event(1, noon - .hours(30), firing: true, severity: "critical", labels: ["host": "web-1"]),
            event(2, noon - .hours(29), firing: false, severity: "critical", labels: ["host": "web-1"]),
            event(3, noon - .minutes(20), rule: "cpu-high", firing: true, labels: ["host": "web-<2>"]),
        ]
    }

    struct Gone: Error, CustomStringConvertible { var description: String { "connection refused" } }

    static let spec = StatusPageSpec(
        title: "Status of <Example> & \"friends\"", description: "What's up",
        components: [
            StatusPageSpec.Component(name: "Web", group: "Front", query: "web"),
            StatusPageSpec.Component(name: "API", group: "Front", query: "api"),
            StatusPageSpec.Component(name: "Storage <b>", query: "storage", empty: .down),
        ], commit: .full, links: [StatusPageSpec.Link(title: "Help", url: "https://example.org/?a=1&b=2")])

    let state = Mutex(State())

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    private func ask() throws -> State {
        let now: State = state.withLock {
            $0.questions += 1
            return $0
        }
        guard now.isReachable else { throw Gone() }
        return now
    }

    var source: PageSource {
        PageSource(
            pages: {
                let state: State = try self.ask()
                return state.pages.map { ($0, state.spec) }
            },
            values: { query, from, to in
                let state: State = try self.ask()
                if query == "broken" { throw QueryRefused("no such function") }
                var values: [Int64: [Double]] = [:]
                var instant: Timestamp = from
                while instant <= to {
                    // The API was down for an hour a day ago.
                    let isDown: Bool = query == "api" && instant > noon - .hours(30) && instant <= noon - .hours(29)
                    if instant >= state.begun { values[instant.milliseconds] = [isDown ? 0 : 1] }
                    instant = instant + Measuring.step
                }
                return QueryValues(byTime: values)
            },
            history: { from, to in try self.ask().events.filter { $0.at >= from && $0.at < to } },
            firing: {
                _ = try self.ask()
                return []
            },
            hosts: {
                _ = try self.ask()
                return [.init(name: "web-1", status: "ok"), .init(name: "web-<2>", status: "down")]
            },
            reports: {
                _ = try self.ask()
                return [
                    [
                        "outcome": "corrected", "finishedAt": "2026-11-21T11:59:00Z",
                        "commit": [
                            "id": "0123456789abcdef", "author": "Ada <ada>", "subject": "Say \"hi\" & <go>",
                            "committedAt": "2026-11-20T10:00:00Z",
                        ],
                    ]
                ]
            })
    }
}
