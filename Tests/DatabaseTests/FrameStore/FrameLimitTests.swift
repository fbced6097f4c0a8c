@testable import Database
import PromQL
import Synchronization
import Telemetry
import TestSupport
import Testing

/// How many series are taken, and what becomes of lists that change all the time.
@Suite struct FrameLimitTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func write(
        _ names: Range<Int>, host: String = "web", producer: String = "p", seconds: Int64 = 0
    )
        -> FrameWrite
    {
        FrameWrite(
            FrameBatch(
                source: Source(host: host, producer: producer), series: names.map { Series("m\($0)") },
                frames: [Frame(time: time + .seconds(seconds), values: names.map(Double.init))]))
    }

    @Test func `series beyond a source's limit are refused one by one, and those that it has are kept`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool, limits: FrameLimits(seriesPerSource: 5, seriesPerHost: 8)) { time }
        #expect(try await store.store([write(0..<4)]).counts.stored == 4)
        let more = try await store.store([write(2..<7, seconds: 1)])
        #expect(more.counts.stored == 3)
        #expect(more.counts.rejected == 2)
        #expect(more.refused.map(\.series) == [Series("m5"), Series("m6")])
        #expect(more.refused.map(\.samples) == [1, 1])
        // From memory it is the same.
        #expect(try await store.store([write(2..<7, seconds: 2)]).refused == more.refused)
        let data = try await store.series("m4", host: "web", around: time)
        #expect(data.first?.values == [4, 4])
        // The host's other sources share what is left of the host's limit.
        let other = try await store.store([write(10..<14, producer: "q")])
        #expect(other.counts.stored == 3)
        #expect(try await store.store([write(0..<5, host: "db")]).counts.stored == 5)
    }

    @Test func `what was not sent for an hour counts no more`() async throws {
        let database = try await TestPostgres.database()
        let now = Mutex(time)
        let store = FrameStore(pool: database.pool, limits: FrameLimits(seriesPerSource: 5)) { now.withLock { $0 } }
        #expect(try await store.store([write(0..<5)]).counts.stored == 5)
        #expect(try await store.store([write(5..<7, seconds: 1)]).counts.rejected == 2)
        now.withLock { $0 = time + .minutes(61) }
        #expect(try await store.store([write(5..<7, seconds: 2)]).counts.stored == 2)
    }

    @Test func `a source whose lists change all the time is stored series by series, and nothing is lost`() async throws
    {
        let database = try await TestPostgres.database()
        let now = Mutex(time)
        let store = FrameStore(pool: database.pool) { now.withLock { $0 } }
        var stored = 0
        var reported = 0
        for round in 0..<60 {
            // A series goes and a series comes.
            let outcome = try await store.store([write(round..<(round + 4), seconds: Int64(round))])
            stored += outcome.counts.stored
            reported += outcome.restless.count
        }
        #expect(stored == 240)
        #expect(reported == 1)
        #expect(store.restlessSources(now: time) == [Source(host: "web", producer: "p")])
        let layouts = try await database.superuser(
            """
            SELECT count(*) FILTER (WHERE cardinality(series) > 1) AS wide,
                count(*) FILTER (WHERE cardinality(series) = 1) AS narrow FROM plumbline.layouts
            """
        ).only()
        #expect(try layouts.int("wide") == FrameLimits().newLayouts + 1)
        #expect(try layouts.int("narrow") == 60 + 3 - FrameLimits().newLayouts)
        for name in [0, 20, 21, 40, 62] {
            let data = try await store.series("m\(name)", host: "web", around: time)
            #expect(data.first?.times.count == min(name + 1, 4, 63 - name))
        }
        now.withLock { $0 = time + .minutes(61) }
        #expect(store.restlessSources(now: time + .minutes(61)).isEmpty)
        #expect(try await store.store([write(0..<4, seconds: 100)]).counts.stored == 4)
    }

    @Test func `what is deleted from the catalogue while nobody used it for an hour is registered again`() async throws
    {
        let database = try await TestPostgres.database()
        let now = Mutex(time)
        let store = FrameStore(pool: database.pool) { now.withLock { $0 } }
        _ = try await store.store([write(0..<4)])
        try await database.superuser(
            "TRUNCATE plumbline.sources, plumbline.layouts, plumbline.source_layouts, plumbline.series, plumbline.frames"
        )
        now.withLock { $0 = time + .minutes(61) }
        #expect(try await store.store([write(0..<4)]).counts.stored == 4)
        #expect(try await store.series("m2", host: "web", around: time).first?.values == [2])
    }
}
