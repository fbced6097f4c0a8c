import PromQL
import Database
import Telemetry
import TestSupport
import Testing

/// What readers, writers and retention rely on, whatever partitions are made of.
enum PartitioningRule: CaseIterable, Sendable, CustomTestStringConvertible {
    case placesHoldTheirTime, partitionsAreListedWithTheirSizes, droppingTakesOnePartition, whatWasDroppedIsMadeAnew
    case namesThatAreNoPartitionDropNothing, readersComeFirst, onlyTheLeaderDrops, preparing

    var testDescription: String { "\(self)" }

    /// 2027-01-15T08:00:00Z
    private static let time = Timestamp(milliseconds: 1_800_000_000_000)

    func check(on database: TestDatabase, style: PartitioningStyle) async throws {
        let store = FrameStore(pool: database.pool)
        let partitions: TimePartitions = store.partitioning
        #expect(try await partitions.style() == style)
        let (day, next) = (Self.time, Self.time + .days(1))
        if self != .preparing { _ = try await store.store([batch(at: [day, day + .seconds(1), next])]) }
        switch self {
        case .placesHoldTheirTime:
            for time in [day, next] {
                let place: PartitionPlace = try await partitions.place(of: time)
                #expect(place.from <= time && time < place.to)
                let found = try await database.superuser(
                    "SELECT count(*) AS n FROM plumbline.\(place.table) WHERE time = $1", [.time(time)])
                #expect(try found.only().int("n") == 1)
                let names: [String] = try await partitions.names(from: time, to: time + .milliseconds(1))
                #expect(names == [place.table])
            }
        case .partitionsAreListedWithTheirSizes:
            let all: [TimePartition] = try await partitions.all()
            #expect(all.count == 2)
            #expect(all.map(\.from) == all.map(\.from).sorted())
            #expect(all.allSatisfy { $0.bytes > 0 && $0.from < $0.to })
            for time in [day, next] { #expect(all.count { $0.from <= time && time < $0.to } == 1) }
        case .droppingTakesOnePartition:
            let first = try #require(try await partitions.all().first)
            try await partitions.drop(first.name)
            #expect(try await partitions.all().map(\.from) == [first.to])
            #expect(try await times(store) == [next])
        case .whatWasDroppedIsMadeAnew:
            let other = FrameStore(pool: database.pool)
            _ = try await other.store([batch(at: [day + .seconds(2)])])
            try await partitions.drop(try #require(try await partitions.all().first).name)
            #expect(try await store.store([batch(at: [day])]).stored == 1)
            // Also by one that still has the old one in mind.
            #expect(try await other.store([batch(at: [day + .seconds(3)])]).stored == 1)
            #expect(try await store.store([batch(at: [day], value: 2)]).replaced == 1)
            #expect(try await times(store) == [day, day + .seconds(3), next])
        case .namesThatAreNoPartitionDropNothing:
            for name in ["series", "frames", "x; DROP TABLE plumbline.series", ""] { try? await partitions.drop(name) }
            #expect(try await times(store).count == 3)
        case .readersComeFirst: try await readersComeFirst(database, store)
        case .onlyTheLeaderDrops:
            let leaders = LeaderStore(pool: database.pool)
            let held = try #require(try await leaders.lead("retention", holder: "one", for: .minutes(1)))
            try await leaders.resign(held)
            let first = try #require(try await partitions.all().first)
            await #expect(throws: LeadershipLost.self) { try await partitions.drop(first.name, under: held) }
            #expect(try await times(store).count == 3)
            let new = try #require(try await leaders.lead("retention", holder: "two", for: .minutes(1)))
            try await partitions.drop(first.name, under: new)
            #expect(try await times(store) == [next])
        case .preparing:
            try await partitions.prepare(from: day, for: .hours(20))
            #expect(try await store.store([batch(at: [day, next])]).stored == 2)
            #expect(try await partitions.all().count == 2)
        }
    }

    private func readersComeFirst(_ database: TestDatabase, _ store: FrameStore) async throws {
        let first = try #require(try await store.partitioning.all().first)
        let reader = try await database.connect(as: database.operatorAddress)
        try await reader.script("BEGIN; SELECT count(*) FROM plumbline.frames")
        let error = await #expect(throws: DatabaseError.self) { try await store.partitioning.drop(first.name) }
        #expect(error?.isLockTimeout == true)
        let next = Self.time + .days(1)
        #expect(try await store.store([batch(at: [next + .seconds(1)])]).stored == 1)
        try await reader.script("COMMIT")
        try await store.partitioning.drop(first.name)
        #expect(try await times(store) == [next, next + .seconds(1)])
    }

    private func batch(at times: [Timestamp], value: Double = 1) -> FrameBatch {
        FrameBatch(
            source: Source(host: "web", producer: "p"), series: [Series("a")],
            frames: times.map { Frame(time: $0, values: [value]) })
    }

    private func times(_ store: FrameStore) async throws -> [Timestamp] {
        let found = try await store.series("a", host: "web", around: Self.time)
        return (found.first?.times ?? []).map { Timestamp(milliseconds: $0) }
    }
}

// Shows F-SV-08, F-SV-12
@Suite struct NativePartitioningTests {
    @Test(arguments: PartitioningRule.allCases)
    func `the partitions of PostgreSQL keep the contract`(rule: PartitioningRule) async throws {
        try await rule.check(on: try await TestPostgres.database(), style: .native)
    }
}

@Suite(.enabled(if: TestPostgres.hasTimescale, "TimescaleDB is not installed for this PostgreSQL"))
struct HypertableTests {
    @Test(arguments: PartitioningRule.allCases)
    func `hypertables keep the contract`(rule: PartitioningRule) async throws {
        try await rule.check(on: try await TestPostgres.timescaleDatabase(), style: .hypertable)
    }

    @Test func `chunks that are compressed by hand are read, take other frames, and are dropped`() async throws {
        let database = try await TestPostgres.timescaleDatabase()
        let store = FrameStore(pool: database.pool)
        let time = Timestamp(milliseconds: 1_800_000_000_000)
        func batch(_ seconds: Range<Int64>, _ value: Double) -> FrameBatch {
            FrameBatch(
                source: Source(host: "web", producer: "p"), series: [Series("a"), Series("b")],
                frames: seconds.map { Frame(time: time + .seconds($0), values: [value, nil]) })
        }
        func values() async throws -> [Double] {
            (try await store.series("a", host: "web", around: time).first?.values) ?? []
        }
        _ = try await store.store([batch(0..<100, 1)])
        // As docs/reference/retention.md says.
        try await database.superuser(
            """
            ALTER TABLE plumbline.frames SET (timescaledb.compress, timescaledb.compress_segmentby = 'source, layout',
                timescaledb.compress_orderby = 'time')
            """)
        let packed = "SELECT count(public.compress_chunk(c)) AS n FROM public.show_chunks('plumbline.frames') AS c"
        #expect(try await database.superuser(packed).only().int("n") == 1)
        #expect(try await values() == [Double](repeating: 1, count: 100))
        #expect(try await store.store([batch(100..<110, 2)]).stored == 10)
        #expect(try await values() == [Double](repeating: 1, count: 100) + [Double](repeating: 2, count: 10))
        for partition in try await store.partitioning.all() { try await store.partitioning.drop(partition.name) }
        #expect(try await values().isEmpty)
    }

    @Test func `what hung on the tables is there again, and everybody may what they might`() async throws {
        let database = try await TestPostgres.timescaleDatabase()
        let native = try await TestPostgres.database()
        let question = """
            SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants
            WHERE table_schema = 'plumbline' ORDER BY 1, 2, 3
            """
        let rights = { (result: SQLResult) in
            result.rows.map { row in
                ["grantee", "table_name", "privilege_type"].map { row[$0].string ?? "" }.joined(separator: " ")
            }
        }
        #expect(rights(try await database.superuser(question)) == rights(try await native.superuser(question)))
        let views = "SELECT viewname FROM pg_views WHERE schemaname = 'plumbline' ORDER BY 1"
        #expect(
            try await database.superuser(views).rows.map { $0["viewname"].string }
                == (try await native.superuser(views).rows.map { $0["viewname"].string }))
        let proxy = try await database.connect(as: database.proxyAddress)
        #expect(
            try await proxy.execute("SELECT plumbline.event_partition(now()) AS name").only().string("name") == "events"
        )
        _ = try await proxy.execute(
            """
            INSERT INTO plumbline.events (time, source, type, source_id, payload, meta)
            VALUES (now(), 's', 't', '1', '{}', '{}')
            """)
        #expect(try await database.person("SELECT FROM plumbline.events").rows.count == 1)
        #expect(try await database.person("SELECT FROM plumbline.metrics_recent").rows.isEmpty)
    }

    @Test func `a table that has partitions stays native`() async throws {
        let database = try await TestPostgres.timescaleDatabase()
        let service = try await database.connect(as: database.address)
        try await service.script(
            """
            DROP TABLE events;
            CREATE TABLE events (time timestamptz NOT NULL, id bigint, PRIMARY KEY (time, id)) PARTITION BY RANGE (time);
            CREATE TABLE events_all PARTITION OF events DEFAULT
            """)
        #expect(try await HypertableAdoption.run(service).isEmpty)
        #expect(try await TimePartitions(database.pool, dataset: "events", table: "events").style() == .native)
    }
}
