import Alerting
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import NIOCore
import Runtime
import StoreService
import Synchronization
import Telemetry
import Testing

@testable import ServerDaemon

private let now = Timestamp(milliseconds: 1_763_683_600_000)
private let attack = #"<script>alert("1")</script>"#
private let escapedAttack = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"

private func host(
    _ name: String = "web", _ status: HostStatus = .ok, heard: Int64? = 3
) -> KnownHost {
    KnownHost(
        name: name, status: status, lastSeen: heard.map { now - .seconds($0) },
        profile: HostGroups([]).profile(of: HostIdentity(name: name)), agent: nil, expectedDigest: nil)
}

private func change(_ action: String, _ name: String = "cpu") -> JSONValue {
    [
        "kind": "Collector", "name": .string(name), "action": .string(action), "cause": ["drift"], "result": "applied",
        "fields": [["path": "/interval", "live": "60s", "declared": "10s"]],
        "changedBy": ["who": "alice", "via": "sql", "at": "2026-11-21T00:00:00.123456Z"],
    ]
}

private func report(
    _ changes: [JSONValue], outcome: String = "corrected", extra: [String: JSONValue] = [:]
) -> JSONValue {
    var members: [String: JSONValue] = [
        "version": 1, "id": "01JD5X6T9Q0000000000000000", "outcome": .string(outcome), "trigger": "timer",
        "finishedAt": .time(now - .seconds(10)), "changes": .array(changes),
        "commit": [
            "id": "c0ffee00c0ffee00", "subject": "Watch more", "author": "Ada", "committedAt": .time(now - .minutes(5)),
        ],
    ]
    members.merge(extra) { _, new in new }
    return .object(members)
}

private func text(_ response: Response) async throws -> String {
    let writer = CollectingWriter()
    try await response.body.write(writer)
    return writer.text
}

/// Keeps what a response writes.
private struct CollectingWriter: ResponseBodyWriter {
    final class Collected: Sendable { let text = Mutex("") }

    private let collected = Collected()
    var text: String { collected.text.withLock { $0 } }

    mutating func write(_ buffer: ByteBuffer) async throws {
        let part = String(buffer: buffer)
        collected.text.withLock { $0 += part }
    }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

@Suite struct DashboardSparklineTests {
    // Shows W-A-10
    @Test func `the newest point stands at the right edge, the oldest at the left`() {
        let picture = Sparkline(points: [0, 50, 100], style: "spark")
        #expect(
            picture.svg
                == #"<svg class="spark" viewBox="0 0 300 60" preserveAspectRatio="none" aria-hidden="true">"#
                + #"<path class="area" d="M0 60L0 58L150 30L300 2L300 60Z"/><path class="stroke" d="M0 58L150 30L300 2"/></svg>"#
        )
    }

    @Test func `gaps stay open, and a lone point is a dot`() {
        let picture = Sparkline(points: [0, 0, nil, 100, nil], style: "spark")
        #expect(picture.svg.contains(#"<path class="stroke" d="M0 58L75 58"/>"#))
        #expect(picture.svg.contains(#"<path class="stroke" d="M225 2h1"/>"#))
        #expect(Sparkline(points: [nil, nil], style: "spark").svg.contains("path") == false)
        #expect(Sparkline(points: [], style: "spark").svg.contains("path") == false)
    }

    @Test func `noise within the least range looks like noise`() {
        let picture = Sparkline(points: [5, 5.1], style: "spark", least: 0...10)
        #expect(picture.svg.contains(#"d="M0 30L300 29.4""#))
    }

    @Test func `no number stops the server`() {
        let extremes: [Double?] = [
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 0,
            nil,
        ]
        #expect(Sparkline(points: extremes, style: "spark").svg.contains("M0 2L42.9 58"))
        for value in extremes {
            for unit in [Wording.Unit.percent, .bytes, .bytesPerSecond, .plain] { _ = Wording.quantity(value, unit) }
        }
    }
}

@Suite struct DashboardViewTests {
    // Shows W-A-10
    @Test func `a card shows the newest value`() {
        let charts: [[String: [Double?]]] = [["web": [10, 20, 30, nil]], [:], [:], [:]]
        let card = HostCard(host(), charts: charts, now: now)
        #expect(card.charts.map(\.label) == ["CPU", "Memory", "Network", "Load"])
        #expect(card.charts.map(\.latest) == ["30 %", "–", "–", "–"])
        #expect(card.seen == "seen 3 s ago")
    }

    @Test func `hosts that need a look come first`() {
        let hosts: [KnownHost] = [
            host("a", .ok), host("b", .stale), host("c", .down), host("d", .unknown, heard: nil),
        ]
        let view = FleetView(hosts: hosts, alerts: [], reports: [], charts: [], now: now)
        #expect(view.hosts.map(\.name) == ["c", "b", "d", "a"])
        #expect(view.hosts[2].seen == "never seen")
    }

    @Test func `the fleet page says what people ordered, what waits and who fights back`() throws {
        let time: JSONValue = .time(now)
        var stored: [String: JSONValue] = report([change("update")]).object ?? [:]
        stored["enforcement"] = [
            "serial": 2, "suspended": ["by": "ada", "at": time, "reason": "<b>database</b> move"],
            "tolerated": [
                [
                    "resource": "Notifier/ops", "by": "ada", "at": time, "until": .time(now + .hours(1)), "reason": "x",
                ]
            ],
        ]
        stored["waitingCommit"] = [
            "id": "0123456789abcdef", "author": "Ada", "committedAt": time, "subject": "Later",
        ]
        stored["contested"] = [
            [
                "target": "server", "kind": "Retention", "name": "metrics", "paths": ["/keep"],
                "writers": [["who": "alice", "via": "sql"]], "corrections": 5, "since": time, "nextCorrectionAt": time,
            ]
        ]
        let fleet = FleetView(hosts: [], alerts: [], reports: [.object(stored)], charts: [], now: now)
        let notices: [String] = try #require(fleet.commit?.notices)
        #expect(notices.count == 4)
        #expect(notices[0] == "suspended by ada at \(now): <b>database</b> move")
        #expect(notices[1].hasPrefix("Notifier/ops tolerated until "))
        #expect(notices[2] == "waiting: commit 0123456789 \"Later\" by Ada")
        #expect(
            notices[3].hasPrefix("contested: Retention/metrics /keep: alice via sql and gitops-sync undo each other"))
    }

    @Test func `the fleet page leaves out the fields of what is new; the report's own page has them`() {
        let stored: JSONValue = report([change("create"), change("update")])
        let fleet = FleetView(hosts: [], alerts: [], reports: [stored], charts: [], now: now)
        #expect(fleet.reports.first?.changes.map(\.hasFields) == [false, true])
        let whole = ReportView(stored, now: now, mostChanges: 100, showsNewFields: true)
        #expect(whole.changes.map(\.hasFields) == [true, true])
        #expect(whole.changes[1].fields.map(\.live) == ["60s"])
        #expect(whole.changes[1].changedBy == "alice at 2026-11-21T00:00:00Z via sql")
    }

    @Test func `only so many changes are listed, and the rest is counted`() {
        let stored: JSONValue = report((1...9).map { change("update", "c\($0)") })
        let view = ReportView(stored, now: now, mostChanges: 6, showsNewFields: false)
        #expect(view.changes.count == 6)
        #expect(view.more == "3")
        #expect(view.headline == "drift of Collector/c1 and 8 more")
    }

    // Shows F-GO-16
    @Test func `a branch is shown with its plan, or with why there is none`() {
        func preview(_ branch: String, _ verdict: String, _ extra: [String: JSONValue]) -> JSONValue {
            .object(
                [
                    "branch": .string(branch), "head": "0123456789abcdef", "plannedAt": .time(now - .seconds(30)),
                    "verdict": .string(verdict),
                ].merging(extra) { _, new in new })
        }
        let refusals: JSONValue = [["guard": "prune", "message": "12 deletions"]]
        let problems: JSONValue = [["file": "a.yaml", "line": 3, "column": 7, "message": "unknown field"]]
        let view = PlansView(
            [
                PlannedBranches(
                    source: "git",
                    previews: [
                        preview("plan/a", "changes", ["report": report((1...53).map { change("update", "c\($0)") })]),
                        preview("plan/b", "refused", ["report": report([], extra: ["refusals": refusals])]),
                        preview("plan/c", "invalid", ["report": report([], extra: ["problems": problems])]),
                        preview("plan/d", "failed", ["error": "out of memory"]),
                        preview("plan/e", "postponed", [:]),
                    ], leftOff: ["plan/y", "plan/z"])
            ], now: now)
        #expect(view.plans.map(\.verdict) == ["53 changes", "refused", "invalid", "failed", "postponed"])
        #expect(view.plans.map(\.class) == ["good", "bad", "bad", "bad", "warn"])
        #expect(view.plans[0].changes.count == 50 && view.plans[0].more == "3")
        #expect(view.plans[0].subject == "Watch more" && view.plans[0].when == "30 s ago")
        #expect(view.plans[1].refusals == ["refused by guard prune: 12 deletions"])
        #expect(view.plans[2].problems == ["a.yaml:3:7: unknown field"])
        #expect(view.plans[3].error == "out of memory")
        #expect(view.leftOff == "plan/y, plan/z")
    }

    @Test func `a report of a later version, and one that holds nothing, still show`() {
        let later: JSONValue = report(
            [["kind": "Silence", "name": "x", "action": "explode", "cause": "weather", "fields": [["novel": 1]]]],
            outcome: "postponed", extra: ["version": 9, "future": ["a": 1]])
        let view = ReportView(later, now: now, mostChanges: 6, showsNewFields: true)
        #expect(view.outcomeText == "postponed")
        #expect(view.changes.map(\.cause) == ["weather"])
        let empty = FleetView(
            hosts: [], alerts: [], reports: [[:], .null, ["outcome": 1, "changes": "none"]], charts: [], now: now)
        #expect(empty.commit?.subject == "No commit is accepted yet")
    }
}

@Suite struct DashboardPageTests {
    private func page(_ template: String, _ view: Any) async throws -> String {
        try await text(try Pages().page("Title \(attack)", template, view, now: now))
    }

    // Shows F-SV-15
    @Test func `names and values from outside are escaped on every page`() async throws {
        let evil: JSONValue = report(
            [
                [
                    "kind": .string(attack), "name": .string(attack), "host": .string(attack), "action": "update",
                    "cause": .string(attack), "error": .string(attack), "result": .string(attack),
                    "fields": [["path": .string(attack), "live": .string(attack), "declared": [.string(attack)]]],
                    "changedBy": ["who": .string(attack), "via": .string(attack)],
                ]
            ],
            outcome: attack,
            extra: [
                "problems": [["message": .string(attack), "file": .string(attack)]],
                "commit": ["id": .string(attack), "subject": .string(attack), "author": .string(attack)],
                "enforcement": ["serial": 1, "suspended": ["by": .string(attack), "at": .time(now)]],
            ])
        let alert = DashboardAlert(
            rule: attack, severity: attack,
            instance: AlertInstance(
                labels: ["host": attack], state: .firing, activeSince: now, matches: 1, lastMatchAt: now, value: 1),
            summary: attack, source: nil)
        let fleet = FleetView(hosts: [host(attack)], alerts: [alert], reports: [evil], charts: [], now: now)
        let single = HostView(host(attack), charts: HostChart.detail.map { _ in [:] }, span: .hours(1), now: now)
        let drift = DriftView(
            heading: attack, reports: [ReportView(evil, now: now, mostChanges: 9, showsNewFields: true)])
        let preview: JSONValue = [
            "branch": .string(attack), "head": .string(attack), "verdict": .string(attack), "error": .string(attack),
            "report": evil,
        ]
        let plans = PlansView(
            [PlannedBranches(source: attack, previews: [preview], leftOff: [attack])], now: now)
        for (template, view) in [("fleet", fleet), ("host", single), ("drift", drift), ("plans", plans)]
            as [(String, Any)]
        {
            let html: String = try await page(template, view)
            #expect(!html.contains("<script>alert"), "\(template)")
            #expect(html.contains(escapedAttack) || html.contains("&lt;script&gt;alert"), "\(template)")
        }
    }

    // Shows F-SV-15
    @Test func `pages hold no inline script or style, and say so`() async throws {
        let view = FleetView(
            hosts: [host()], alerts: [], reports: [report([change("update")])],
            charts: [["web": [1, 2]], [:], [:], [:]], now: now)
        let response: Response = try Pages().page("Fleet", "fleet", view, now: now)
        let policy: String = try #require(response.headers[.contentSecurityPolicy])
        #expect(!policy.contains("unsafe"))
        #expect(policy.hasPrefix("default-src 'none'"))
        for html in [try await text(response), try await text(Pages.login(.ok, "You are not logged in."))] {
            #expect(html.hasPrefix("<!doctype html>"))
            #expect(!html.contains("<style") && !html.contains(" style=") && !html.contains("javascript:"))
            #expect(!html.contains(" onclick") && !html.contains(" onload"))
            // Every script is a file of ours.
            for part in html.components(after: "<script") { #expect(part.hasPrefix(" src=\"/assets/")) }
        }
    }

    /// For Swift a letter of the kind "prepend" and the `<` behind it are one character; for a browser they are two.
    @Test func `marks that join the next sign do not hide it from the escaping`() async throws {
        let alert = DashboardAlert(
            rule: "\u{600}<b>", severity: "",
            instance: AlertInstance(
                labels: ["host": "\"\u{301}"], state: .firing, activeSince: now, matches: 1, lastMatchAt: now, value: 1),
            summary: nil, source: nil)
        let stored: JSONValue = report([change("update", "\u{600}<i>")])
        let html: String = try await page(
            "fleet", FleetView(hosts: [], alerts: [alert], reports: [stored], charts: [], now: now))
        #expect(html.contains("\u{600}&lt;b&gt;") && html.contains("\u{600}&lt;i&gt;"))
        #expect(html.contains("host=&quot;\u{301}"))
    }

    @Test func `the login page says what happened and how to get a link`() async throws {
        let html: String = try await text(Pages.login(.forbidden, "This link was used already."))
        #expect(html.contains("This link was used already."))
        #expect(html.contains("plumb login"))
        #expect(html.contains("/assets/style.css"))
    }
}

@Suite struct LogsPageTests {
    private func stored(_ message: String, id: Int, host: String = "web 1") -> StoredLogLine {
        StoredLogLine(
            place: .init(time: now, id: id), receivedAt: now, host: host,
            origin: LogOrigin(source: "system", path: "/var/log/<x>", labels: ["job": "s"]),
            line: LogLine(time: now, level: .error, message: message, fields: #"{"n":1}"#))
    }

    private func page(_ query: String, _ lines: [StoredLogLine], hasMore: Bool = false) async throws -> String {
        var view = LogsView(QueryParameters(query))
        view.show(lines, hasMore: hasMore, try LogsView.query(QueryParameters(query), now: now))
        return try await text(Pages().page("Logs", "logs", view, now: now))
    }

    @Test func `lines are shown with what they hold, and nothing of them is markup`() async throws {
        let html: String = try await page("text=\(attack)&level=warn", [stored(attack, id: 1)])
        #expect(!html.contains(attack))
        #expect(html.contains(#"<code class="line-text">\#(escapedAttack)</code>"#))
        #expect(html.contains(#"value="\#(escapedAttack)""#))
        #expect(html.contains(#"<a href="/hosts/web%201">"#))
        #expect(html.contains(#"<option value="warn" selected>"#))
        #expect(html.contains("/var/log/&lt;x&gt;"))
        #expect(html.contains("<summary>job=s n=1 path="))
        #expect(!html.contains("Older"))
    }

    @Test func `older lines are a link away, in the same search with the same times`() async throws {
        let html: String = try await page("text=a%26b&from=15m", [stored("a&b", id: 7)], hasMore: true)
        let link: Substring = try #require(html.firstMatch(of: /href="(\/logs\?[^"]*)"/)?.output.1)
        let parameters = QueryParameters(String(link.drop { $0 != "?" }.dropFirst()).replacing("&amp;", with: "&"))
        #expect(parameters["text"] == "a&b")
        #expect(parameters["from"] == (now - .minutes(15)).rfc3339)
        let query: LogQuery = try LogsView.query(parameters, now: now + .hours(1))
        #expect(query.after == LogQuery.Place(time: now, id: 7))
    }
}

@Suite struct DashboardRoutesTests {
    private func router() async throws -> (Router<ServerContext>, String) {
        let authority = await TokenAuthority(keys: .generate(now: .now()))
        let token: String = try await authority.mint(
            TokenClaims(subject: "ada", scopes: [.query], issuedAt: .now(), lifetime: .hours(1)))
        let data = DashboardData(
            hosts: { [host("web-1"), host("db 1")] }, alerts: { [] }, reports: { _ in [report([change("create")])] },
            report: { id in id == "known" ? report([change("create")]) : nil },
            config: {
                ConfigSnapshot(storeId: "s", generation: 7, digest: "abcdef0123456789", instances: [], resources: [])
            },
            chart: { query, _, _, _ in
                if query.contains("node_load1") { throw HTTPProblem(.serviceUnavailable, "no database") }
                return ["web-1": [1, 2]]
            },
            around: { question in
                let item = TimelineItem(at: now, kind: .drift, text: "drift <b>", level: "warn", link: "/drift/known")
                return Correlation(
                    question: question, sections: [.drift: Section(items: [item], isTruncated: true)],
                    moves: [
                        MetricMove(
                            labels: ["__name__": "load", "device": "<i>"], kind: .moved, before: 1, during: 30,
                            isRate: false, score: 40)
                    ], seriesCount: 12, seriesLooked: 10, movedCount: 1)
            })
        let router = Router(context: ServerContext.self)
        router.add(middleware: ProblemResponses())
        router.add(middleware: Authentication(authority: authority, open: Server.openPaths, metrics: MetricsRegistry()))
        try DashboardRoutes(data: data, clock: { now }).add(to: router)
        return (router, token)
    }

    static let paths = ["/", "/hosts/web-1", "/logs", "/drift", "/drift/known", "/plans", "/config", "/around"]

    // Shows W-A-11
    @Test func `every page sends a browser without a session to the login, and refuses a program`() async throws {
        let (router, _) = try await router()
        try await withServed(router) { client in
            for path in Self.paths {
                let browser = try await client.send("GET", path, headers: ["Accept": "text/html,*/*"])
                #expect(browser.status == 303, "\(path)")
                #expect(browser.headers["location"] == "/login", "\(path)")
                #expect(try await client.send("GET", path).status == 401, "\(path)")
                let forged = try await client.send("GET", path, headers: ["Cookie": "plumb_session=a.b.c"])
                #expect(forged.status == 401, "\(path)")
            }
        }
    }

    // Shows F-SV-15
    @Test func `with a session every page comes, also while a chart cannot be read`() async throws {
        let (router, token) = try await router()
        try await withServed(router) { client in
            let session: [String: String] = ["Cookie": "plumb_session=\(token)"]
            for path in Self.paths + ["/hosts/db%201"] {
                let answer = try await client.send("GET", path, headers: session)
                #expect(answer.status == 200, "\(path)")
                #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
                #expect(answer.headers["cache-control"] == "no-store")
            }
            #expect(try await client.send("GET", "/", headers: session).text.contains("href=\"/hosts/db%201\""))
            #expect(try await client.send("GET", "/hosts/gone", headers: session).status == 404)
            #expect(try await client.send("GET", "/drift/gone", headers: session).status == 404)
        }
    }

    // Shows F-SV-20
    @Test func `the page around a moment tells what happened and what moved, and what it leaves out`() async throws {
        let (router, token) = try await router()
        try await withServed(router) { client in
            let session: [String: String] = ["Cookie": "plumb_session=\(token)"]
            let page = try await client.send(
                "GET", "/around?time=2026-11-21T03:14:00Z&window=5m&host=db%201", headers: session)
            #expect(page.status == 200, "\(page.text)")
            #expect(page.text.contains("<a href=\"/drift/known\">drift &lt;b&gt;</a>"))
            #expect(page.text.contains("device=&lt;i&gt;"))
            #expect(page.text.contains("href=\"/hosts/db%201\""))
            #expect(page.text.contains("time=2026-11-21T03%3A09%3A00Z&amp;window=5m&amp;host=db%201\">earlier"))
            #expect(page.text.contains("drift: there were more"))
            #expect(page.text.contains("looked at 10 of 12 series"))
            for wrong in ["time=never", "window=3h", "window=x", "limit=-1"] {
                #expect(try await client.send("GET", "/around?\(wrong)", headers: session).status == 400, "\(wrong)")
            }
        }
    }

    @Test func `style, script and picture need no session, templates are not served`() async throws {
        let (router, token) = try await router()
        try await withServed(router) { client in
            for (name, type) in [
                ("style.css", "text/css; charset=utf-8"), ("live.js", "text/javascript; charset=utf-8"),
                ("plumb.svg", "image/svg+xml"),
            ] {
                let answer = try await client.send("GET", "/assets/\(name)")
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == type)
            }
            let template = try await client.send(
                "GET", "/assets/fleet.mustache", headers: ["Cookie": "plumb_session=\(token)"])
            #expect(template.status == 404)
        }
    }
}

extension String {
    /// The parts that follow each occurrence of `mark`.
    fileprivate func components(after mark: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = Substring(self)
        while let found = rest.firstRange(of: mark) {
            rest = rest[found.upperBound...]
            parts.append(rest)
        }
        return parts
    }
}
