import Declarations
import Glibc
import PageBuilder
import Telemetry
import Testing

@Suite struct PageRendererTests {
    private func files(
        _ change: (inout PageSnapshot) -> Void = { _ in }, unreachableAt: Timestamp? = nil
    ) throws -> [String: String] {
        var snapshot = PageSnapshot(
            page: "status", title: "T", at: noon,
            components: [
                MeasuredComponent(name: "Web", group: "Front", state: .up),
                MeasuredComponent(name: "Mail", group: "Back", state: .down),
                MeasuredComponent(name: "API", group: "Front", state: .partly),
            ],
            incidents: [
                Incident(id: "aa", title: "Now", severity: "critical", start: noon - .minutes(10)),
                Incident(
                    id: "bb", title: "Then", severity: "warning", start: noon - .days(30),
                    end: noon - .days(30) + .minutes(70)),
            ], incidentDays: 60, hosts: HostSummary(ok: 2, total: 3))
        change(&snapshot)
        return try PageRenderer().files(snapshot, unreachableAt: unreachableAt)
            .mapValues { String(decoding: $0, as: UTF8.self) }
    }

    // Shows F-LG-05
    @Test(arguments: ["<script>alert(1)</script>", "\" onload=\"x", "' & <b>", "\u{600}<i>"])
    func whatIsWrittenByOthersIsEscapedEverywhere(text: String) throws {
        let files: [String: String] = try files {
            $0.title = text
            $0.description = text
            $0.page = text
            $0.links = [.init(title: text, url: "https://example.org/")]
            for index in $0.components.indices {
                $0.components[index].name = text
                ($0.components[index].group, $0.components[index].description) = (text, text)
            }
            for index in $0.incidents.indices {
                ($0.incidents[index].title, $0.incidents[index].hosts) = (text, [text])
            }
            $0.hosts = HostSummary(ok: 0, total: 1, hosts: [.init(name: text, status: text)])
            $0.commit = AppliedCommit(id: text, author: text, subject: text, outcome: "inSync")
        }
        for name in ["index.html", "history.html", "incidents.atom"] {
            let page: String = try #require(files[name])
            #expect(!page.holds(text), "\(name)")
            #expect(!page.holds("<script"), "\(name)")
            let isThere: Bool = ["&lt;", "&quot;", "&#39;"].contains { page.holds($0) }
            #expect(isThere, "\(name) does not show it at all")
        }
    }

    // Shows F-LG-05
    @Test func everyLinkLeadsSomewhere() throws {
        let files: [String: String] = try files {
            $0.links = [.init(title: "Help", url: "https://example.org/help")]
        }
        var count = 0
        for (name, text) in files where name.hasSuffix(".html") || name.hasSuffix(".atom") {
            for match in text.matches(of: /(?:href|src)="([^"]*)"/) {
                count += 1
                let target: Substring = match.1
                if target.hasPrefix("https://") { continue }
                let parts: [Substring] = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let file: String = parts[0].isEmpty ? name : String(parts[0])
                let content: String = try #require(files[file], "\(name) leads to \(target)")
                if parts.count > 1 { #expect(content.contains("id=\"\(parts[1])\""), "\(name) leads to \(target)") }
            }
        }
        #expect(count > 20)
    }

    @Test func aPublishedPageHasAbsoluteLinksInItsFeed() throws {
        let feed: String = try #require(try files { $0.url = "https://status.example.org" }["incidents.atom"])
        #expect(feed.contains("href=\"https://status.example.org/history.html#incident-aa\""))
    }

    /// No script, nothing from elsewhere, nothing inline.
    @Test func thePageNeedsNothingButItsOwnFiles() throws {
        for (name, text) in try files() where name.hasSuffix(".html") {
            #expect(!text.contains("<script") && !text.contains("style=\"") && !text.contains("http://"), "\(name)")
            #expect(text.contains("default-src 'none'"))
            #expect(text.contains("name=\"viewport\""))
        }
        #expect(try #require(try files()["page.css"]).contains("light-dark("))
    }

    @Test func componentsStandInTheirGroupsInOrderOfFirstMention() throws {
        let page: String = try #require(try files()["index.html"])
        let places = try ["Front", "Web", "API", "Back", "Mail"].map { name in
            try #require(page.ranges(of: ">\(name)<").first?.lowerBound, "\(name)")
        }
        #expect(places == places.sorted())
    }

    /// Templates look for a value that is missing in what is around.
    @Test func aComponentWithoutADescriptionDoesNotGetThePages() throws {
        let page: String = try #require(try files { $0.description = "Of the page" }["index.html"])
        #expect(page.ranges(of: "<p>Of the page</p>").count == 1)
        #expect(page.ranges(of: ">Of the page<").count == 1)
    }

    @Test(arguments: [
        ([ComponentState.up, .up], "All systems operational, with an incident", "up"),
        ([.up, .down], "Some systems are down", "down"),
        ([.down, .down], "Major outage", "down"), ([.up, .partly], "Some systems are partly down", "partly"),
        ([.unknown, .unknown], "No data yet", "unknown"),
        ([.up, .unknown], "No outage known; some systems have no data", "unknown"),
        ([.down, .unknown], "Major outage", "down"),
    ])
    func theHeadlineIsTheWorstOfAll(states: [ComponentState], headline: String, status: String) throws {
        let files: [String: String] = try files { snapshot in
            snapshot.components = states.enumerated().map { MeasuredComponent(name: "\($0)", state: $1) }
        }
        #expect(try #require(files["index.html"]).contains(headline))
        #expect(try JSONValue(parsing: try #require(files["status.json"]))["status"] == .string(status))
    }

    @Test func withoutAnIncidentThatGoesOnEverythingIsGreen() throws {
        let page: String = try #require(
            try files {
                $0.incidents.removeFirst()
                $0.components = [MeasuredComponent(name: "Web", state: .up)]
            }["index.html"])
        #expect(page.contains("<section class=\"banner good\">"))
        #expect(page.contains("</span>All systems operational</h2>"))
    }

    @Test func aDayIsABarWithItsShareAsText() throws {
        let page: String = try #require(
            try files {
                $0.components = [
                    MeasuredComponent(
                        name: "Web", state: .up,
                        days: [DayTally(day: noon - .hours(12), up: 143, down: 1, unknown: 0)])
                ]
            }["index.html"])
        #expect(page.contains("<title>21 Nov 2026: 99.30 % up, down for 5 min, 12 h measured</title>"))
        #expect(page.contains("<title>20 Nov 2026: no data</title>"))
        #expect(page.contains("99.30 % up in 12 h of data"))
        #expect(page.ranges(of: "<rect ").count == 90)
    }

    @Test func dataOfAPageAreReadBackAsTheyWere() throws {
        let written: String = try #require(try files()["data.json"])
        let snapshot = try PageSnapshot(parsing: Array(written.utf8))
        #expect(try PageRenderer().files(snapshot)["data.json"].map { String(decoding: $0, as: UTF8.self) } == written)
        #expect(throws: JSONFormError.self) { try PageSnapshot(parsing: Array(#"{"version":2}"#.utf8)) }
    }
}

extension String {
    /// Whether the bytes of `text` are here: what Swift calls a character can swallow a `<`.
    fileprivate func holds(_ text: String) -> Bool { Array(utf8).firstRange(of: Array(text.utf8)) != nil }
}
