import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Runtime
import StoreService
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

@Suite struct RetentionHistoryTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func past(
        _ live: [String: PromDuration], _ changes: [(name: String, before: RetentionHistory.Setting)]
    ) -> [PromDuration?] {
        RetentionHistory(
            live: live.mapValues(RetentionHistory.Setting.keep),
            changes: changes.map { .init(name: $0.name, before: $0.before, at: now) }
        ).past.map(\.keep)
    }

    @Test func `of several the longest counts`() {
        let history = RetentionHistory(live: ["a": .keep(.days(7)), "b": .keep(.days(30))], changes: [])
        #expect(history.declared == .days(30))
        #expect(RetentionHistory(live: [:], changes: []).declared == nil)
    }

    @Test func `what was in force is found by undoing the changes from the last`() {
        // a: 30 d, then 14 d, then 7 d.
        #expect(past(["a": .days(7)], [("a", .keep(.days(30))), ("a", .keep(.days(14)))]) == [.days(30), .days(14)])
        // b came later than a; before it a alone counted.
        #expect(past(["a": .days(7), "b": .days(30)], [("b", .absent)]) == [.days(7)])
        // The longest was deleted.
        #expect(past(["a": .days(7)], [("b", .keep(.days(30)))]) == [.days(30)])
        // The first there ever was: before it everything was kept.
        #expect(past(["a": .days(7)], [("a", .absent)]) == [nil])
    }

    @Test func `what cannot be read keeps everything`() {
        #expect(
            past(["a": .days(7)], [("a", .init(["keep": "soon"], of: .metrics)), ("a", .keep(.days(9)))]) == [
                nil, .days(9),
            ])
        #expect(RetentionHistory.Setting(["dataset": "metrics"], of: .metrics) == .unreadable)
        #expect(RetentionHistory.Setting(nil, of: .metrics) == .absent)
        #expect(RetentionHistory.Setting(["keep": "7d"], of: .metrics) == .keep(.days(7)))
        #expect(RetentionHistory.Setting(["maxSize": 9], of: .metrics) == .everything)
        #expect(RetentionHistory(live: ["a": .everything, "b": .keep(.days(7))], changes: []).declared == nil)
    }

    @Test func `a rollup has its own time, or that of what was sent; a part of the series has none of it`() {
        let spec: JSONValue = ["keep": "7d", "rollups": ["1h": "1y"]]
        #expect(RetentionHistory.Setting(spec, of: .metrics, .rollup(.hour)) == .keep(.days(365)))
        #expect(RetentionHistory.Setting(spec, of: .metrics, .rollup(.minute)) == .keep(.days(7)))
        #expect(RetentionHistory.Setting(["keep": "1d", "matchers": ["a=\"b\""]], of: .metrics) == .absent)
    }
}

@Suite struct RetentionTests {
    private func retention(_ keep: String, name: String = "metrics") -> ConfigChange {
        ConfigChange(
            .put(["dataset": "metrics", "keep": .string(keep)]), kind: "Retention", name: name)
    }

    /// Frames of now and of each of some days before.
    private func store(_ days: [Int64], _ server: RunningServer) async throws {
        let now: Timestamp = .now()
        _ = try await FrameStore(pool: server.database.pool).store([
            FrameBatch(
                source: Source(host: "web", producer: "p"), series: [Series("a")],
                frames: days.map { Frame(time: now - .days($0), values: [1]) })
        ])
    }

    private func dataset(_ server: RunningServer) async throws -> JSONValue {
        let answer = try await server.send("GET", "/api/v1/retention", as: [.configRead])
        return try #require(answer.json?["datasets"]?.array?.first)
    }

    /// How many there are, without those that were made ahead.
    private func partitions(_ server: RunningServer) async throws -> Int { begun(try await dataset(server)) }

    private func begun(_ dataset: JSONValue) -> Int {
        let now: String = Timestamp.now().rfc3339
        // Of what was sent; rollups have partitions of their own.
        return dataset["partitions"]?.array?.count {
            $0["from"]?.string ?? "9" <= now && $0["name"]?.string?.hasPrefix("frames_") == true
        } ?? -1
    }

    // Shows F-SV-12
    @Test func `partitions go once all of them is older than the retention, and what is newer stays`() async throws {
        try await RunningServer.with {
            $0.retentionGrace = .zero
        } _: { server in
            try await store([0, 3, 20], server)
            #expect(try await partitions(server) == 3)
            let preview = try await server.send(
                "GET", "/api/v1/retention/preview?dataset=metrics&keep=10d", as: [.configRead])
            let going: [JSONValue] = preview.json?["partitions"]?.array ?? []
            #expect(going.count == 1)
            let name = try #require(going.first?["name"]?.string)
            #expect(name.hasPrefix("frames_"))
            #expect(preview.json?["bytes"]?.integer ?? 0 > 0)
            #expect(going.first?["to"]?.string.flatMap { Timestamp(rfc3339: $0) } ?? .now() < .now() - .days(18))
            try await server.put([retention("10d")])
            let rest: JSONValue = try await server.eventually {
                let dataset = try await self.dataset(server)
                return self.begun(dataset) == 2 ? dataset : nil
            }
            #expect(rest["keep"] == "10d")
            #expect(rest["pending"] == .null)
            #expect(rest["partitions"]?.array?.contains { $0["name"] == .string(name) } == false)
            // The sample is gone; what was made of it before stays as long as rollups do.
            let samples: SQLResult = try await server.database.superuser("SELECT count(*) AS n FROM plumbline.frames")
            #expect(try samples.only().int("n") == 2)
            let query = try await server.send("GET", "/api/v1/query?query=count_over_time(a%5B30d%5D)", as: [.query])
            #expect(query.json?["data"]?["result"]?.array?.first?["value"]?.array?.last == "3")
            #expect(query.json?["warnings"]?.array?.isEmpty == false)
        }
    }

    // Shows F-SV-12
    @Test func `shrinking is announced and waits; a revert cancels it`() async throws {
        try await RunningServer.with { server in
            try await store([0, 20], server)
            try await server.put([retention("25d")])
            let first: JSONValue = try await pending(server)
            // Nothing was declared before: everything is kept for the grace.
            #expect(first["keep"] == .null)
            #expect(first["pending"]?["keep"] == "25d")
            try await server.put([retention("8d")])
            let shrunk: JSONValue = try await server.eventually {
                let dataset = try await self.dataset(server)
                return dataset["pending"]?["keep"] == "8d" ? dataset : nil
            }
            let at = try #require(shrunk["pending"]?["at"]?.string.flatMap { Timestamp(rfc3339: $0) })
            #expect(at > .now() + .hours(23) && at < .now() + .hours(25))
            #expect(try await partitions(server) == 2)
            try await server.put([ConfigChange(.delete, kind: "Retention", name: "metrics")])
            let reverted: JSONValue = try await server.eventually {
                let dataset = try await self.dataset(server)
                return dataset["pending"] == .null ? dataset : nil
            }
            #expect(reverted["keep"] == .null)
            #expect(try await partitions(server) == 2)
        }
    }

    @Test func `a change past the triggers drops nothing: nobody knows since when it holds`() async throws {
        try await RunningServer.with {
            $0.retentionGrace = .seconds(1)
        } _: { server in
            try await store([0, 20], server)
            try await server.put([retention("25d")])
            _ = try await server.eventually {
                try await self.dataset(server)["keep"] == "25d" ? true : nil
            }
            try await server.database.superuser(
                """
                DO $$ BEGIN
                    SET LOCAL session_replication_role = replica;
                    UPDATE plumbline.resources SET spec = jsonb_set(spec, '{keep}', '"1d"') WHERE kind = 'Retention';
                END $$
                """)
            let held: JSONValue = try await pending(server)
            #expect(held["keep"] == "25d")
            #expect(held["pending"]?["keep"] == "1d")
            // The end of the grace moves on with the clock, so it never comes.
            _ = try await server.eventually {
                try await self.dataset(server)["pending"]?["at"]?.string ?? "" > held["pending"]?["at"]?.string ?? ""
                    ? true : nil
            }
            #expect(try await partitions(server) == 2)
            // Somebody owns up to it: from now on the grace runs.
            try await server.put([retention("2d")])
            _ = try await server.eventually { try await self.partitions(server) == 1 ? true : nil }
        }
    }

    private func pending(_ server: RunningServer) async throws -> JSONValue {
        try await server.eventually {
            let dataset = try await self.dataset(server)
            return dataset["pending"] == .null ? nil : dataset
        }
    }

    @Test(arguments: ["keep=soon", "keep=0s", "keep=7d&dataset=traces", ""])
    func `a preview of nonsense is refused`(query: String) async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/api/v1/retention/preview?\(query)", as: [.configRead])
            #expect(answer.status == 400)
        }
    }
}
