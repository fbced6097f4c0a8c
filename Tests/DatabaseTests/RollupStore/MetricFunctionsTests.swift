import PromQL
import Telemetry
import TestSupport
import Testing

@testable import Database

/// What SQL clients see of metrics, as the role of people.
@Suite struct MetricFunctionsTests {
    /// 2027-01-15T08:00:00Z
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    private struct World: Sendable {
        var database: TestDatabase
        var times: [Int64]
        var values: [Double]
    }

    /// Three hours of a counter that resets, on edges and beside them; the first two are closed.
    private func world() async throws -> World {
        let database = try await TestPostgres.database()
        let frames = FrameStore(pool: database.pool) { [start] in start + .days(1) }
        var random = SplitMix(state: 11)
        var batch = FrameBatch(
            source: Source(host: "web", producer: "p"),
            series: [Series("requests_total", ["path": "/"]), Series("requests_total", ["path": "/login"])], frames: [])
        var count = 0.0
        for second in stride(from: Int64(5), through: 10_800, by: 5) {
            if Int.random(in: 0..<12, using: &random) == 0 { continue }
            count =
                Int.random(in: 0..<50, using: &random) == 0 ? 1 : count + Double(Int.random(in: 0..<9, using: &random))
            let time = start + .seconds(second) + .milliseconds(second % 35 == 0 ? 17 : 0)
            batch.frames.append(Frame(time: time, values: [count, 1]))
        }
        _ = try await frames.store([batch])
        _ = try await frames.rollups.state(now: start)
        let leadership = try #require(
            try await LeaderStore(pool: database.pool).lead("rollups", holder: "test", for: .hours(1)))
        let edge = start + .hours(2)
        try await frames.rollups.advance(to: edge, under: leadership)
        for mark in try await frames.rollups.marks(before: edge, atMost: 100) {
            _ = try await frames.rollups.make([mark.source], hour: mark.hour, under: leadership)
        }
        return World(
            database: database, times: batch.frames.map(\.time.milliseconds),
            values: batch.frames.map { $0.values[0] ?? 0 })
    }

    /// Samples by the beginning of their bucket, open there and closed at its end.
    private func buckets(_ world: World, seconds: Int64) -> [Int64: [Double]] {
        var buckets: [Int64: [Double]] = [:]
        for (time, value) in zip(world.times, world.values) {
            buckets[(time - 1) / (seconds * 1000) * seconds, default: []].append(value)
        }
        return buckets
    }

    private func answer(_ world: World, _ sql: String) async throws -> [Int64: Double] {
        let result = try await world.database.person(
            "SELECT extract(epoch FROM time)::bigint AS at, value FROM \(sql)",
            [.time(start), .time(start + .hours(3))])
        var found: [Int64: Double] = [:]
        for row in result.rows { found[Int64(try row.int("at"))] = try row.double("value") }
        return found
    }

    private func expectNear(_ found: [Int64: Double], _ expected: [Int64: Double], _ what: String) {
        #expect(Set(found.keys) == Set(expected.keys), "\(what)")
        for (at, value) in expected {
            guard let other = found[at] else { continue }
            #expect(abs(value - other) <= 1e-9 * max(1, abs(value)), "\(what) at \(at): \(value), by SQL \(other)")
        }
    }

    @Test func `metric_range gives what the samples give, over closed hours and open ones`() async throws {
        let world = try await world()
        let aggregates: [(String, @Sendable ([Double]) -> Double)] = [
            ("avg", { $0.reduce(0, +) / Double($0.count) }), ("min", { $0.min() ?? .nan }),
            ("max", { $0.max() ?? .nan }), ("sum", { $0.reduce(0, +) }), ("count", { Double($0.count) }),
            ("first", { $0.first ?? .nan }), ("last", { $0.last ?? .nan }),
        ]
        for (bucket, seconds) in [("1m", Int64(60)), ("5m", 300), ("15m", 900), ("1h", 3600)] {
            let samples = buckets(world, seconds: seconds)
            for (name, aggregate) in aggregates {
                let found = try await answer(
                    world,
                    "metric_range('requests_total', '{\"path\": \"/\", \"host\": \"web\"}', $1, $2, '\(bucket)', '\(name)')"
                )
                expectNear(found, samples.mapValues(aggregate), "\(name) by \(bucket)")
            }
        }
    }

    @Test func `metric_rate divides what a counter grew by, resets seen, by the width`() async throws {
        let world = try await world()
        for (bucket, seconds) in [("1m", Int64(60)), ("5m", 300), ("15m", 900), ("1h", 3600)] {
            var grown: [Int64: Double] = [:]
            for (index, time) in world.times.enumerated() {
                let at: Int64 = (time - 1) / (seconds * 1000) * seconds
                let before: Double = index == 0 ? world.values[0] : world.values[index - 1]
                let value: Double = world.values[index]
                grown[at, default: 0] += value < before ? value : value - before
            }
            let found = try await answer(
                world, "metric_rate('requests_total', '{\"path\": \"/\"}', $1, $2, '\(bucket)')")
            expectNear(found, grown.mapValues { $0 / Double(seconds) }, bucket)
        }
    }

    @Test func `views show every closed bucket, and what counters grew by adds up across hours`() async throws {
        let world = try await world()
        for (view, seconds) in [("metrics_1m", Int64(60)), ("metrics_5m", 300), ("metrics_1h", 3600)] {
            let result = try await world.database.person(
                """
                SELECT extract(epoch FROM time)::bigint AS at, host, count, sum, min, max, first, last, increase
                FROM \(view) WHERE metric = 'requests_total' AND labels ->> 'path' = '/' ORDER BY time
                """)
            let samples = buckets(world, seconds: seconds).filter { $0.key < start.milliseconds / 1000 + 7200 }
            #expect(result.rows.count == samples.count)
            var grown = 0.0
            for row in result.rows {
                let own = try #require(samples[Int64(try row.int("at"))])
                #expect(try row.string("host") == "web")
                #expect(try row.int("count") == own.count)
                #expect(try row.double("min") == own.min() && row.double("max") == own.max())
                #expect(try row.double("first") == own.first && row.double("last") == own.last)
                #expect(abs(try row.double("sum") - own.reduce(0, +)) < 1e-6)
                grown += try row.double("increase")
            }
            var expected = 0.0
            let closed = zip(world.times, world.values).filter { $0.0 <= start.milliseconds + 7_200_000 }.map(\.1)
            for (before, value) in zip(closed, closed.dropFirst()) {
                expected += value < before ? value : value - before
            }
            #expect(abs(grown - expected) < 1e-6, "\(view)")
        }
    }

    @Test func `a width that is not in the list is an error that names the list`() async throws {
        let database = try await TestPostgres.database()
        for call in ["metric_range('a', '{}', now(), now(), '2m')", "metric_rate('a', NULL, now(), now(), '2m; DROP')"]
        {
            let error = await #expect(throws: DatabaseError.self) { try await database.person("SELECT * FROM \(call)") }
            #expect(error?.message.contains("expected one of '1m', '5m', '15m', '1h', '6h', '1d', got '2m") == true)
        }
        let error = await #expect(throws: DatabaseError.self) {
            try await database.person("SELECT * FROM metric_range('a', '{}', now(), now(), '1m', 'median')")
        }
        #expect(error?.message.contains("expected one of avg, min, max, sum, count, first, last, got 'median'") == true)
        for (span, bucket) in [("30s", "1m"), ("1m", "1m"), ("2m", "5m"), ("20m", "1h"), ("500ms", "1m"), ("7d", "1d")]
        {
            let found = try await database.person("SELECT metric_bucket($1) AS bucket", [.text(span)])
            #expect(try found.only().string("bucket") == bucket)
        }
        await #expect(throws: DatabaseError.self) { try await database.person("DELETE FROM rollup_1h") }
    }
}
