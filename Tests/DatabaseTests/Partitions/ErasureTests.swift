import Declarations
import Database
import Pipelines
import PromQL
import Telemetry
import TestSupport
import Testing

// Shows F-SV-12
@Suite struct ErasureTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func pace(_ database: TestDatabase, rows: Int = 2) async throws -> ErasurePace {
        let leadership = try #require(
            try await LeaderStore(pool: database.pool).lead("rows", holder: "test", for: .minutes(1)))
        return { ErasureStep(leadership: leadership, rows: rows) }
    }

    private func rows(_ database: TestDatabase) async throws -> [String] {
        try await database.superuser(
            """
            SELECT producer || ' ' || values::text || ' ' || coalesce(stale::text, '-') AS row
            FROM plumbline.frames JOIN plumbline.sources ON sources.id = source ORDER BY producer, time
            """
        ).rows.map { $0["row"].string ?? "" }
    }

    @Test func `frames whose series all go are deleted, of others the elements are emptied, and no other partition`()
        async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let times: [Timestamp] = (0..<5).map { time + .seconds($0) }
        _ = try await store.store([
            FrameBatch(
                source: Source(host: "web", producer: "debug"), series: [Series("a"), Series("b")],
                frames: (times + [time + .days(1)]).map { Frame(time: $0, values: [1, 2]) }),
            FrameBatch(
                source: Source(host: "web", producer: "mixed"), series: [Series("a"), Series("b", ["job": "debug"])],
                frames: [
                    Frame(time: times[0], values: [1, 2]), Frame(time: times[1], values: [.staleMarker, .staleMarker]),
                    Frame(time: times[2], values: [3, .staleMarker]),
                ]),
        ])
        let partition = try #require(try await store.partitioning.all().first)
        let isDoomed: @Sendable (Labels) -> Bool = {
            $0["job"] == "debug" && $0["host"] == "web" && $0["__name__"] != nil
        }
        let pace: ErasurePace = try await pace(database)
        #expect(try await store.erase(from: partition, pace: pace, where: isDoomed) == 8)
        #expect(
            try await rows(database) == [
                "debug {1,2} -", "mixed {1,NULL} -", "mixed {NULL,NULL} 10", "mixed {3,NULL} -",
            ])
        #expect(try await store.erase(from: partition, pace: pace, where: isDoomed) == 0)
    }

    @Test func `of sealed spans blocks are deleted or their columns emptied, and the others stay bit for bit`()
        async throws
    {
        let world = try await SealingWorld()
        let start: Timestamp = SealingWorld.start + .hours(5)
        let frames: [Frame] = (0..<40).map {
            Frame(time: start + .minutes($0), values: [Double($0) * 0.1, Double($0 % 7), 5])
        }
        let series: [Series] = [Series("a"), Series("b", ["job": "debug"]), Series("c")]
        _ = try await world.store.store([
            FrameBatch(source: Source(host: "web", producer: "debug"), series: series, frames: frames),
            FrameBatch(source: Source(host: "web", producer: "mixed"), series: series, frames: frames),
        ])
        func values(_ name: String) async throws -> [[UInt64]] {
            try await world.store.series(name, host: "web", around: start).map { $0.values.map(\.bitPattern) }
        }
        let before: [[UInt64]] = try await values("a")
        try await world.sealEverything()
        #expect(try await world.states() == [.sealed])
        let partition = try #require(try await world.store.partitioning.all().first)
        let pace: ErasurePace = try await pace(world.database)
        let isDoomed: @Sendable (Labels) -> Bool = { $0["job"] == "debug" }
        #expect(try await world.store.erase(from: partition, pace: pace, where: isDoomed) == 2)
        #expect(before.count == 2 && before[0] == before[1])
        #expect(try await values("a") == [before[0]])
        #expect(try await values("b").isEmpty)
        // Neither has it a place among the series any more.
        let everything = Selection(matchers: [], after: start.milliseconds - 1, through: start.milliseconds + 7_200_000)
        let names: [String] = try await world.store.labels(of: [everything]).map { "\($0[metricNameLabel] ?? "")" }
        #expect(names == ["a", "c"])
        #expect(try await values("c") == [[UInt64](repeating: 5.0.bitPattern, count: 40)])
        // A second time there is nothing to do.
        #expect(try await world.store.erase(from: partition, pace: pace, where: isDoomed) == 0)
    }

    @Test func `who lost the leadership removes nothing`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([
            FrameBatch(
                source: Source(host: "web", producer: "debug"), series: [Series("a")],
                frames: [Frame(time: time, values: [1])])
        ])
        let pace: ErasurePace = try await pace(database)
        try await LeaderStore(pool: database.pool).resign(try await pace().leadership)
        let partition = try #require(try await store.partitioning.all().first)
        await #expect(throws: LeadershipLost.self) { try await store.erase(from: partition, pace: pace) { _ in true } }
        #expect(try await rows(database).count == 1)
    }

    @Test func `lines and events go by their labels, events with their keys`() async throws {
        let database = try await TestPostgres.database()
        let logs = LogStore(pool: database.pool)
        let entries: [LogStore.Entry] = (0..<7).map { number in
            LogStore.Entry(
                origin: LogOrigin(
                    source: "app", path: number % 2 == 0 ? "/debug" : "/main", labels: ["team": number == 1 ? "x" : "y"]
                ),
                line: LogLine(time: time + .seconds(number), level: .info, message: "\(number)", fields: "{}"))
        }
        _ = try await logs.store(LogStore.Batch(host: "web", entries: entries))
        let lines = RowErasure(database.pool, logs.partitioning, .logs)
        let pace: ErasurePace = try await pace(database)
        let partition = try #require(try await logs.partitioning.all().first)
        let gone: Int = try await lines.erase(from: partition, pace: pace) {
            $0["path"] == "/debug" || $0["team"] == "x"
        }
        #expect(gone == 5)
        #expect(
            try await database.superuser("SELECT message FROM plumbline.logs ORDER BY time").rows
                .map { $0["message"].string } == ["3", "5"])

        let events = EventStore(pool: database.pool)
        _ = try await events.store(
            (0..<5).map { number in
                Event(
                    time: time + .seconds(number), source: "shop", type: number < 3 ? "view" : "order",
                    sourceID: "\(number)", host: nil, payload: [:], meta: [:])
            })
        let erasure = RowErasure(database.pool, events.partitions, .events)
        let week = try #require(try await events.partitions.all().first)
        #expect(try await erasure.erase(from: week, pace: pace) { $0["type"] == "view" } == 3)
        #expect(
            try await database.superuser("SELECT source_id FROM plumbline.event_keys ORDER BY 1").rows
                .map { $0["source_id"].string } == ["3", "4"])
    }
}

@Suite struct HistoryStoreTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func prune(_ database: TestDatabase, _ table: String, limit: Int = 100) async throws -> Int {
        let leadership = try #require(
            try await LeaderStore(pool: database.pool).lead("histories", holder: "test", for: .minutes(1)))
        let history = try #require(HistoryStore.histories.first { $0.table == table })
        return try await HistoryStore(pool: database.pool).prune(history, at: now, limit: limit, under: leadership)
    }

    @Test func `every table of records is pruned, a few rows at a time`() async throws {
        let database = try await TestPostgres.database()
        for history in HistoryStore.histories { #expect(try await prune(database, history.table) == 0) }
        try await database.superuser(
            """
            INSERT INTO plumbline.alert_history (at, rule, event, severity, labels)
            SELECT $1::timestamptz - make_interval(days => n), 'r', 'firing', 'info', '{}' FROM generate_series(360, 370) AS n
            """, [.time(now)])
        #expect(try await prune(database, "alert_history", limit: 3) == 3)
        #expect(try await prune(database, "alert_history", limit: 3) == 2)
        #expect(try await database.superuser("SELECT FROM plumbline.alert_history").rows.count == 6)
    }

    @Test func `the last record of a resource stays, and so does what waits to be delivered`() async throws {
        let database = try await TestPostgres.database()
        try await database.superuser(
            """
            INSERT INTO plumbline.audit (generation, at, kind, name, operation, who, via)
            SELECT 1, $1::timestamptz - make_interval(days => n), 'Collector', name, 'update', 'x', 'api'
            FROM unnest(ARRAY[400, 380, 10, 500], ARRAY['a', 'a', 'a', 'b']) AS item (n, name)
            """, [.time(now)])
        #expect(try await prune(database, "audit") == 2)
        #expect(
            try await database.superuser("SELECT DISTINCT name FROM plumbline.audit ORDER BY 1").rows
                .map { $0["name"].string } == ["a", "b"])
        try await database.superuser(
            """
            INSERT INTO plumbline.outbox (created_at, notifier, dedupe_key, body, state, delivered_at)
            SELECT $1::timestamptz - interval '100 days', 'n', state, '{}', state,
                CASE WHEN state = 'delivered' THEN $1::timestamptz - interval '99 days' END
            FROM unnest(ARRAY['waiting', 'delivered', 'dead']) AS state
            """, [.time(now)])
        #expect(try await prune(database, "outbox") == 2)
        #expect(try await database.superuser("SELECT state FROM plumbline.outbox").only().string("state") == "waiting")
    }

    @Test func `of the runs of a pipeline the last stays`() async throws {
        let database = try await TestPostgres.database()
        try await database.superuser(
            """
            INSERT INTO plumbline_proxy.runs (id, pipeline, trigger, started_at, finished_at)
            SELECT 'run' || n, 'p', 'schedule', $1::timestamptz - interval '200 days', $1::timestamptz - interval '199 days'
            FROM generate_series(1, 3) AS n
            """, [.time(now)])
        #expect(try await prune(database, "plumbline_proxy.runs") == 2)
        #expect(try await database.superuser("SELECT id FROM plumbline_proxy.runs").only().string("id") == "run3")
    }
}
