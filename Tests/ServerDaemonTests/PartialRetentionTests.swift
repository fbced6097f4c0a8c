import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

// Shows F-SV-12
@Suite struct PartialRetentionTests {
    private func rule(_ matcher: String, _ keep: PromDuration) throws -> PartialRetention.Rule {
        let spec = RetentionSpec(dataset: .metrics, matchers: [try #require(LabelMatcher(matcher))], keep: keep)
        return try #require(PartialRetention.Rule(name: matcher, spec))
    }

    @Test func `what matches is kept by the longest that it matches, the rest by the dataset's`() throws {
        let retention = PartialRetention(
            rules: [try rule("job=\"debug\"", .days(1)), try rule("team=~\"pay.*\"", .days(100))], keep: .days(30))
        let debug: Labels = ["job": "debug"]
        #expect(!retention.isDoomed(debug, at: .hours(23)) && retention.isDoomed(debug, at: .days(1)))
        let both: Labels = ["job": "debug", "team": "payments"]
        #expect(!retention.isDoomed(both, at: .days(99)) && retention.isDoomed(both, at: .days(100)))
        #expect(!retention.isDoomed(["job": "x"], at: .days(29)) && retention.isDoomed(["job": "x"], at: .days(30)))
        #expect(retention.longest == .days(100))
        #expect(!retention.mayRemove(at: .hours(23)) && retention.mayRemove(at: .days(1)))
    }

    @Test func `without a time of the dataset the rest stays`() throws {
        let retention = PartialRetention(rules: [try rule("job=\"debug\"", .days(1))], keep: nil)
        #expect(!retention.isDoomed(["job": "x"], at: .days(9999)))
        #expect(retention.longest == nil)
    }

    @Test func `a partition is due again when another rule is over`() throws {
        let rules = [try rule("job=\"a\"", .days(1)), try rule("job=\"b\"", .days(2))]
        let retention = PartialRetention(rules: rules, keep: .days(30))
        #expect(retention.digest(at: .days(1)) == retention.digest(at: .hours(47)))
        #expect(retention.digest(at: .days(1)) != retention.digest(at: .days(2)))
    }

    @Test func `a part of the series goes before the rest, and another part stays behind it`() async throws {
        try await RunningServer.with {
            $0.retentionGrace = .zero
        } _: { server in
            let store = FrameStore(pool: server.database.pool)
            let now: Timestamp = .now()
            for job in ["debug", "billing", "other"] {
                _ = try await store.store([
                    FrameBatch(
                        source: Source(host: "web", producer: job), series: [Series("a")],
                        frames: [0, 4, 12].map { Frame(time: now - .days($0), values: [1]) })
                ])
            }
            let put = { (name: String, spec: JSONValue) in ConfigChange(.put(spec), kind: "Retention", name: name) }
            try await server.put([
                put("metrics", ["dataset": "metrics", "keep": "10d"]),
                put("debug", ["dataset": "metrics", "keep": "2d", "matchers": ["job=\"debug\""]]),
                put("billing", ["dataset": "metrics", "keep": "1y", "matchers": ["job=\"billing\""]]),
            ])
            let question = """
                SELECT producer, count(*) AS n FROM plumbline.frames JOIN plumbline.sources ON sources.id = source
                GROUP BY 1 ORDER BY 1
                """
            let rest: [String] = try await server.eventually(within: .seconds(60)) {
                let found: [String] = try await server.database.superuser(question).rows
                    .map { "\(try $0.string("producer")) \(try $0.int("n"))" }
                return found.contains("debug 1") && found.contains("other 2") ? found : nil
            }
            #expect(rest == ["billing 3", "debug 1", "other 2"])
        }
    }
}
