import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Pipelines
import Runtime
import ServerDaemon
import StoreService
import Telemetry
import TestSupport
import Testing

@Suite struct EventRoutesTests {
    private static let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    private static func event(
        _ number: Int, source: String = "shop", type: String = "sale", daysAgo: Int64 = 0
    ) -> Event {
        Event(
            time: noon - .days(daysAgo), source: source, type: type, sourceID: "\(source)-\(number)",
            host: number.isMultiple(of: 2) ? "web-1" : nil, payload: ["n": .integer(number), "domain": "d.example"])
    }

    // Shows F-ET-11
    @Test func pagesAreCompleteAndStableWhileEventsArrive() async throws {
        try await RunningServer.with { server in
            let store = EventStore(pool: server.database.pool)
            // All at one time: the number alone tells them apart.
            let stored = try await store.store((0..<25).map { Self.event($0) })
            #expect(stored == 25)
            var seen: [String] = []
            var cursor = ""
            var pages = 0
            let span = "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
            repeat {
                let answer = try await server.send(
                    "GET", "/api/v1/events?\(span)&limit=10\(cursor)", as: [.query])
                #expect(answer.status == 200, "\(answer.text)")
                seen += (answer.json?["events"]?.array ?? []).compactMap { $0["id"]?.string }
                cursor = answer.json?["next"]?.string.map { "&cursor=\($0)" } ?? ""
                pages += 1
                // Newer than where the reader is: must not shift what comes.
                _ = try await store.store([Self.event(100 + pages)])
            } while !cursor.isEmpty
            #expect(pages == 3)
            #expect(seen.count == 25)
            #expect(Set(seen) == Set((0..<25).map { "shop-\($0)" }))
        }
    }

    // Shows F-ET-11, F-ET-12
    @Test func eventsAreFilteredAndCountedPerDay() async throws {
        try await RunningServer.with { server in
            let store = EventStore(pool: server.database.pool)
            _ = try await store.store(
                [0, 1, 2].map { Self.event($0) } + [Self.event(3, type: "refund", daysAgo: 1)]
                    + [Self.event(0, source: "blog", type: "post", daysAgo: 1)])
            let span = "from=2026-11-18T00:00:00Z&to=2026-11-23T00:00:00Z"
            let refunds = try await server.send("GET", "/api/v1/events?\(span)&type=refund", as: [.query])
            #expect(refunds.json?["events"]?.array?.compactMap { $0["id"]?.string } == ["shop-3"])
            let host = try await server.send("GET", "/api/v1/events?\(span)&host=web-1&source=shop", as: [.query])
            #expect(host.json?["events"]?.array?.count == 2)
            let counts = try await server.send("GET", "/api/v1/events/counts?\(span)&by=source&bucket=1d", as: [.query])
            #expect(
                counts.json?["counts"] == [
                    ["start": "2026-11-20T00:00:00Z", "key": "blog", "count": 1],
                    ["start": "2026-11-20T00:00:00Z", "key": "shop", "count": 1],
                    ["start": "2026-11-21T00:00:00Z", "key": "shop", "count": 3],
                ])
        }
    }

    @Test(arguments: [
        "events?cursor=x", "events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "events/counts?by=payload",
        "events/counts?bucket=1s", "events/counts?from=2000-01-01T00:00:00Z&bucket=1m",
    ])
    func whatMakesNoSenseIsRefused(path: String) async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/api/v1/\(path)", as: [.query])
            #expect(answer.status == 400, "\(answer.text)")
        }
    }

    @Test func eventsAreSentAndSeenWithTheirScopesAlone() async throws {
        try await RunningServer.with { server in
            let body: JSONValue = ["events": [["id": "1", "source": "app", "type": "click"]]]
            let answer = try await server.send("POST", "/api/v1/events", as: [.events], body: body)
            #expect(answer.status == 202, "\(answer.text)")
            #expect(answer.json?["stored"] == 1)
            let byHost = try await server.send(
                "POST", "/api/v1/events", as: [.ingest], host: "web-9",
                body: ["events": [["id": "2", "source": "app", "type": "click"]]])
            #expect(byHost.json?["stored"] == 1)
            #expect(try await server.send("POST", "/api/v1/events", as: [.query], body: body).status == 403)
            #expect(try await server.send("GET", "/api/v1/events").status == 401)
            #expect(try await server.send("GET", "/api/v1/events", as: [.events]).status == 403)
            let seen = try await server.send("GET", "/api/v1/events?host=web-9", as: [.query])
            #expect(seen.json?["events"]?.array?.first?["id"] == "2")
        }
    }

    // Shows F-ET-12
    @Test func thePageShowsSourcesTypesDomainsAndFreshness() async throws {
        try await RunningServer.with { server in
            let store = EventStore(pool: server.database.pool)
            let now = Timestamp.now()
            _ = try await store.store([
                Event(
                    time: now, source: "<shop>", type: "sale", sourceID: "1", payload: ["domain": "d.example"])
            ])
            let page = try await server.send("GET", "/events", as: [.query])
            #expect(page.status == 200)
            for text in ["&lt;shop&gt;", "sale", "d.example", "No pipeline has run."] {
                #expect(page.text.contains(text), "\(text)")
            }
            #expect(!page.text.contains("<shop>"))
        }
    }

    // Shows F-SV-12
    @Test func retentionDropsOldEventsAndTheirKeys() async throws {
        try await RunningServer.with({ $0.retentionGrace = .zero }) { server in
            let store = EventStore(pool: server.database.pool)
            let now = Timestamp.now()
            let old = Event(time: now - .days(60), source: "a", type: "b", sourceID: "old")
            _ = try await store.store([old, Event(time: now, source: "a", type: "b", sourceID: "new")])
            try await server.put([.init(.put(["dataset": "events", "keep": "30d"]), kind: "Retention", name: "events")])
            let left: Int = try await server.eventually(within: .seconds(20)) {
                let count = try await server.database.superuser("SELECT count(*) AS n FROM plumbline.event_keys")
                    .only().int("n")
                return count == 1 ? count : nil
            }
            #expect(left == 1)
            #expect(
                try await server.database.superuser("SELECT source_id FROM plumbline.events").only().string("source_id")
                    == "new")
        }
    }
}
