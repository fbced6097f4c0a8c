import ConfigAPIServer
import Declarations
import Logging
import PromQL
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import Database
@testable import ServerDaemon

@Suite struct RollupEngineTests {
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    // MARK: When

    private func state(closed: Timestamp, oldest: UInt64, next: UInt64) -> RollupStore.State {
        RollupStore.State(closed: closed, oldestUnfinished: oldest, nextTransaction: next)
    }

    @Test func `an hour is closed five minutes after its end, when everybody who was writing has ended`() {
        let hour = start + .hours(1)
        func judge(
            _ minutes: Int64, oldest: UInt64, next: UInt64, _ fence: ClosingFence?
        ) -> (Timestamp?, ClosingFence?) {
            ClosingFence.judge(
                state(closed: start, oldest: oldest, next: next), now: hour + .minutes(minutes), fence: fence)
        }
        #expect(judge(4, oldest: 5, next: 9, nil) == (nil, nil))
        let (early, fence) = judge(5, oldest: 5, next: 9, nil)
        #expect(early == nil)
        #expect(fence == ClosingFence(edge: hour, transaction: 9))
        #expect(judge(6, oldest: 8, next: 30, fence) == (nil, fence))
        #expect(judge(70, oldest: 9, next: 30, fence) == (hour, fence))
        let (_, next) = ClosingFence.judge(
            state(closed: hour, oldest: 30, next: 31), now: hour + .minutes(70), fence: fence)
        #expect(next == ClosingFence(edge: hour + .hours(1), transaction: 31))
    }

    // MARK: What

    private func engine(_ database: TestDatabase, _ frames: FrameStore, now: Timestamp) -> RollupEngine {
        RollupEngine(
            store: frames.rollups, leaders: LeaderStore(pool: database.pool), holder: "test", clock: ContinuousClock(),
            now: { now }, metrics: MetricsRegistry(), logger: Logger(label: "test"))
    }

    private func hours(_ database: TestDatabase) async throws -> [Int] {
        try await database.superuser(
            "SELECT count FROM plumbline.rollup_1h ORDER BY time, source"
        ).rows.map { try $0.int("count") }
    }

    private func batch(_ seconds: StrideThrough<Int64>, host: String) -> FrameBatch {
        FrameBatch(
            source: Source(host: host, producer: "p"), series: [Series("a")],
            frames: seconds.map { Frame(time: start + .seconds($0), values: [Double($0)]) })
    }

    @Test func `hours are closed in turn, and those that were written to later are made anew`() async throws {
        let database = try await TestPostgres.database()
        let live = FrameStore(pool: database.pool) { [start] in start }
        for host in ["web", "db"] {
            _ = try await live.store([batch(stride(from: 10, through: 9000, by: 10), host: host)])
        }
        let now = start + .minutes(126)
        let rollups = engine(database, live, now: now)
        var fence: ClosingFence?
        // A transaction that is under way may be a writer whose samples were not late.
        let writer = try await database.connect(as: database.superuserAddress)
        _ = try await writer.execute("BEGIN")
        _ = try await writer.execute("SELECT pg_current_xact_id()")
        for _ in 0..<3 { #expect(try await rollups.round(&fence) != nil) }
        #expect(try await hours(database) == [])
        _ = try await writer.execute("COMMIT")
        _ = try await rollups.round(&fence)
        #expect(try await hours(database) == [360, 360, 360, 360])
        #expect(try await live.rollups.state(now: now).closed == start + .hours(2))
        // Late, into the first hour.
        let late = FrameStore(pool: database.pool) { now }
        _ = try await late.store([batch(stride(from: 15, through: 25, by: 10), host: "web")])
        _ = try await rollups.round(&fence)
        // More may come: it is made anew when nothing was written for a round.
        _ = try await late.store([batch(stride(from: 35, through: 35, by: 10), host: "web")])
        _ = try await rollups.round(&fence)
        #expect(try await hours(database) == [360, 360, 360, 360])
        _ = try await rollups.round(&fence)
        #expect(try await hours(database).sorted() == [360, 360, 360, 363])
        #expect(try await live.rollups.marks(before: now, atMost: 10).isEmpty)
    }

    @Test func `an hour that is written to all the time is made anew once a minute`() {
        let marks = SettlingMarks()
        var made: [Int] = []
        for round in 1...40 {
            let mark = RollupStore.Mark(source: 1, hour: start, writes: round)
            if !marks.due([mark]).isEmpty { made.append(round) }
        }
        #expect(made == [13, 26, 39])
        // What was made anew is forgotten; who comes again waits again.
        #expect(marks.due([]).isEmpty)
        let mark = RollupStore.Mark(source: 1, hour: start, writes: 1)
        #expect(marks.due([mark]).isEmpty)
        #expect(marks.due([mark]) == [mark])
        #expect(marks.due([mark]).isEmpty)
    }

    @Test func `a second server does nothing while the first leads`() async throws {
        let database = try await TestPostgres.database()
        let frames = FrameStore(pool: database.pool)
        var fence: ClosingFence?
        #expect(try await engine(database, frames, now: start).round(&fence) != nil)
        var other: RollupEngine = engine(database, frames, now: start)
        other = RollupEngine(
            store: other.store, leaders: other.leaders, holder: "other", clock: other.clock, now: other.now,
            metrics: other.metrics, logger: other.logger)
        #expect(try await other.round(&fence) == nil)
    }

    // MARK: Answers

    @Test func `an answer says that rollups were read, and that samples are gone where they are`() async throws {
        try await RunningServer.with { server in
            let now = Timestamp.now()
            // Two days ago, so that the partition of today, which the server makes ahead of time, holds none of it.
            let hour = (now - .hours(50)).floored(to: .hours(1))
            let frames = FrameStore(pool: server.database.pool)
            _ = try await frames.store([
                FrameBatch(
                    source: Source(host: "web", producer: "p"), series: [Series("a")],
                    frames: (1...720).map { Frame(time: hour + .seconds($0 * 10), values: [Double($0)]) })
            ])
            // The server's own engine makes them.
            let query =
                "/api/v1/query_range?query=avg_over_time(a[5m])&start=\(hour.milliseconds / 1000)"
                + "&end=\((hour + .hours(2)).milliseconds / 1000)&step="
            let noted: JSONValue = try await server.eventually(within: .seconds(60)) {
                let answer = try await server.send("GET", query + "300", as: [.query])
                return answer.json?["infos"] == nil ? nil : answer.json
            }
            #expect(
                noted["infos"]
                    == ["hours that are over were read from rollups of 5m; the answer is the same"])
            #expect(noted["warnings"] == nil)
            let own = MetricsRegistry()
            _ = try await frames.load([Selection(matchers: [], after: 0, through: 1)])
            SeriesIndexWatch(frames: frames, metrics: own, clock: ContinuousClock()).measure()
            #expect(own.exposition.contains("plumb_series_index_series 1"))
            #expect(noted["data"]?["result"]?.array?.first?["values"]?.array?.count == 24)
            // One hour is made after the other; both before the samples go.
            _ = try await server.eventually(within: .seconds(60)) {
                try await frames.rollups.marks(before: now, atMost: 1).isEmpty ? true : nil
            }
            for partition in try await frames.partitioning.all() { try await frames.partitioning.drop(partition.name) }
            let exact = try await server.send("GET", query + "300", as: [.query])
            #expect(exact.json?["data"] == noted["data"])
            let near = try await server.send("GET", query + "7", as: [.query])
            let warning = near.json?["warnings"]?.array?.first?.string ?? ""
            #expect(warning.hasSuffix("are gone; the last value of each 1m stands for them"), "\(warning)")
            #expect(near.json?["data"]?["result"]?.array?.isEmpty == false)
        }
    }
}
