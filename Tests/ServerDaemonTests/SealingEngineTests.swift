import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Logging
import Runtime
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

@Suite struct SealingEngineTests {
    private func frames(_ days: [Int64]) -> FrameBatch {
        let now: Timestamp = .now()
        return FrameBatch(
            source: Source(host: "web", producer: "p"), series: [Series("a")],
            frames: days.flatMap { day in
                (0..<20).map { Frame(time: now - .days(day) + .milliseconds($0), values: [Double($0)]) }
            })
    }

    private func engine(
        _ database: TestDatabase, _ holder: String, _ metrics: MetricsRegistry,
        _ policy: SealPolicy? = SealPolicy(sealAfter: .hours(48))
    ) -> SealingEngine {
        SealingEngine(
            blocks: BlockStore(pool: database.pool, compression: .zstd), leaders: LeaderStore(pool: database.pool),
            holder: holder, policy: { policy }, clock: ContinuousClock(), now: { .now() }, metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    // Shows F-SV-13
    @Test func `what is old enough is sealed by the one server that leads, and told in figures`() async throws {
        let database = try await TestPostgres.database()
        _ = try await FrameStore(pool: database.pool).store([frames([0, 1, 5, 9])])
        let metrics = MetricsRegistry()
        let leadership = try await engine(database, "one", metrics).round()
        #expect(leadership?.task == "sealing")
        #expect(try await engine(database, "two", metrics).round() == nil)
        let states = try await BlockStore(pool: database.pool, compression: .zstd).tables()
        #expect(states.count { $0.state == .sealed } == 2)
        #expect(states.count { $0.state == .open } == 2)
        // Dropped a minute later.
        #expect(states.count { $0.state == .leaving } == 2)
        let text: String = metrics.exposition
        #expect(text.contains("plumb_sealing_samples_total 40"))
        #expect(text.contains(#"plumb_sealing_steps_total{step="fill"} 2"#))
        #expect(text.contains("plumb_sealing_bytes_before_total "))
        #expect(!text.contains("plumb_sealing_errors_total"))
    }

    @Test func `it rests for seven times what each piece of work took`() async throws {
        let database = try await TestPostgres.database()
        let start: Timestamp = (.now() - .days(9)).floored(to: .days(1))
        let series: [Series] = (0..<40).map { Series("a", ["n": "\($0)"]) }
        _ = try await FrameStore(pool: database.pool).store([
            FrameBatch(
                source: Source(host: "web", producer: "p"), series: series,
                frames: (0..<2000).map { tick in
                    Frame(time: start + .seconds(tick * 10), values: series.indices.map { Double($0) * 0.37 })
                })
        ])
        let clock = RecordingClock()
        var engine: SealingEngine = engine(database, "one", MetricsRegistry())
        engine.clock = clock
        engine.renewal = .zero
        try await database.superuser("CREATE TABLE public.renewals (task text)")
        try await database.superuser(
            """
            CREATE FUNCTION public.renewed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN INSERT INTO public.renewals VALUES (NEW.task); RETURN NULL; END $$
            """)
        try await database.superuser(
            "CREATE TRIGGER renewed AFTER UPDATE ON plumbline.leaders FOR EACH ROW EXECUTE FUNCTION public.renewed()")
        let begin: ContinuousClock.Instant = .now
        _ = try await engine.round()
        let work: Duration = .now - begin
        let rests: [Duration] = clock.rests
        // 80,000 values are some milliseconds of work; a piece is two or more of them.
        #expect(rests.count > 3)
        #expect(rests.allSatisfy { $0 > .milliseconds(13) })
        #expect(rests.reduce(.zero, +) <= work * 7)
        // The leadership is renewed in the midst of a source, not only before each step.
        let renewals: SQLResult = try await database.superuser("SELECT count(*) AS n FROM public.renewals")
        #expect(try renewals.only().int("n") >= rests.count)
        #expect(
            try await BlockStore(pool: database.pool, compression: nil).tables().contains { $0.state == .sealed })
    }

    @Test func `nothing is sealed before the configuration is known`() async throws {
        let database = try await TestPostgres.database()
        _ = try await FrameStore(pool: database.pool).store([frames([9])])
        #expect(try await engine(database, "one", MetricsRegistry(), nil).round() == nil)
        #expect(try await BlockStore(pool: database.pool, compression: nil).tables().map(\.state) == [.open])
    }

    @Test func `a span that cannot be sealed keeps no other from it`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([frames([5, 9])])
        // A frame that nobody of ours would write.
        let oldest = try #require(try await store.partitioning.all().first?.name)
        try await database.superuser("UPDATE plumbline.\(oldest) SET values = '{{1,2},{3,4}}'")
        let metrics = MetricsRegistry()
        _ = try await engine(database, "one", metrics).round()
        let states = try await BlockStore(pool: database.pool, compression: nil).tables().map(\.state)
        #expect(states == [.building, .closed, .sealed, .leaving])
        #expect(metrics.exposition.contains("plumb_sealing_errors_total 1"))
    }

    // Shows F-SV-13
    @Test func `a server seals what a Retention says, and answers from the blocks`() async throws {
        try await RunningServer.with {
            $0.sealInterval = .milliseconds(100)
        } _: { server in
            try await server.put([
                ConfigChange(
                    .put(["dataset": "metrics", "keep": "30d", "sealAfter": "100h"]), kind: "Retention", name: "metrics"
                )
            ])
            _ = try await FrameStore(pool: server.database.pool).store([frames([3, 8])])
            let blocks = BlockStore(pool: server.database.pool, compression: nil)
            let states: [CataloguedTable.State] = try await server.eventually {
                let states = try await blocks.tables().filter { $0.to < .now() }.map(\.state)
                return states.contains(.sealed) ? states : nil
            }
            #expect(states.filter { $0 != .open }.sorted { $0.rawValue < $1.rawValue } == [.leaving, .sealed])
            // What is younger than that, and what was made ahead, is left as it is.
            #expect(states.contains(.open))
            let query = try await server.send("GET", "/api/v1/query?query=count_over_time(a%5B30d%5D)", as: [.query])
            #expect(query.json?["data"]?["result"]?.array?.first?["value"]?.array?.last == "40")
        }
    }
}

/// Rests for no time at all, and says what it was asked for.
private final class RecordingClock: Clock {
    typealias Instant = ContinuousClock.Instant
    private let asked = Mutex<[Duration]>([])

    var rests: [Duration] { asked.withLock(\.self) }
    var now: Instant { ContinuousClock.now }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        asked.withLock { $0.append(deadline - ContinuousClock.now) }
    }
}
