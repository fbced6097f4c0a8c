import ColumnCodec
import Database
import PromQL
import Telemetry
import TestSupport
import Testing

@Suite struct SealingTests {
    private let time: Timestamp = SealingWorld.start + .hours(5)
    private let source = Source(host: "web", producer: "p")

    private func store(_ values: [Double?], at time: Timestamp, in store: FrameStore) async throws -> IngestCounts {
        let series: [Series] = values.indices.map { Series("x", ["n": "\($0)"]) }
        return try await store.store([
            FrameBatch(source: source, series: series, frames: [Frame(time: time, values: values)])
        ])
    }

    /// The values of `x`, by its label `n` and by minutes after `time`.
    private func values(_ store: FrameStore) async throws -> [String: [Int64: UInt64]] {
        let found: [SeriesData] = try await store.load([
            Selection(
                matchers: [try Matcher(metricNameLabel, .equal, "x")], after: time.milliseconds - 3_600_000,
                through: time.milliseconds + 3_600_000)
        ])[0]
        var values: [String: [Int64: UInt64]] = [:]
        for series in found {
            for (instant, value) in zip(series.times, series.values) {
                values[series.labels["n"] ?? "", default: [:]][(instant - time.milliseconds) / 60_000] =
                    value.bitPattern
            }
        }
        return values
    }

    // Shows F-SV-13
    @Test(arguments: [1, 2, 3] as [UInt64]) func `sealed samples answer as unsealed ones, bit for bit`(
        seed: UInt64
    ) async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: seed)
        let before = try await world.answers()
        #expect(before[0].count == 15 && before[0].allSatisfy { $0.times.count > 500 })
        try await world.sealEverything()
        #expect(try await world.states() == [.sealed, .sealed])
        #expect(try await world.answers() == before)
        // Nothing is left of the frames.
        let frames = try await world.database.superuser("SELECT count(*) AS n FROM plumbline.frames").only().int("n")
        #expect(frames == 0)
    }

    @Test func `only spans that are old enough are sealed`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 4, hours: 26)
        let end: Timestamp = SealingWorld.start + .days(1)
        let tables = try await world.blocks.tables()
        let policy = SealPolicy(sealAfter: .hours(48))
        #expect(SealPlan.steps(tables, policy, now: end + .hours(47)).isEmpty)
        #expect(SealPlan.steps(tables, policy, now: end + .hours(48)) == [.close(table: "frames_20261101")])
    }

    @Test func `of a block only the columns that are wanted are read`() async throws {
        let world = try await SealingWorld()
        let values: [Double?] = (0..<150).map { Double($0) * 0.1 }
        for minute in 0..<30 { _ = try await store(values, at: time + .minutes(Int64(minute)), in: world.store) }
        try await world.sealEverything()
        // A column that cannot be decoded does no harm to the others.
        let table = try #require(try await world.blocks.tables().first?.name)
        try await world.database.superuser(
            "UPDATE plumbline.\(table) SET columns = overlay(columns PLACING '\\xFFFF' FROM ends[7] + 1)")
        func load(_ number: String) async throws -> [SeriesData] {
            try await world.store.load([
                Selection(
                    matchers: [try Matcher("n", .equal, number)], after: time.milliseconds - 1,
                    through: time.milliseconds + 3_600_000)
            ])[0]
        }
        #expect(try await load("6").first?.times.count == 30)
        #expect(try await load("149").first?.times.count == 30)
        let error = await #expect(throws: DatabaseError.self) { try await load("7") }
        #expect(error?.description.contains("unknown form 255") == true)
    }

    // MARK: Late data

    // Shows F-SV-05
    @Test func `late frames of a sealed span are read with its blocks, the later ingest winning, and folded in`()
        async throws
    {
        let world = try await SealingWorld()
        _ = try await store([1, 2, 3], at: time, in: world.store)
        _ = try await store([4, 5, .staleMarker], at: time + .minutes(1), in: world.store)
        try await world.sealEverything()
        // Another value, an absent one that stays, one that is the same; and a frame that was not there.
        #expect(try await store([10, nil, 3], at: time, in: world.store).stored == 2)
        #expect(try await store([7, .staleMarker, 9], at: time + .minutes(2), in: world.store).stored == 3)
        #expect(try await world.states() == [.sealed, .open])
        let expected: [String: [Int64: UInt64]] = [
            "0": [0: (10.0).bitPattern, 1: (4.0).bitPattern, 2: (7.0).bitPattern],
            "1": [0: (2.0).bitPattern, 1: (5.0).bitPattern, 2: Double.staleMarker.bitPattern],
            "2": [0: (3.0).bitPattern, 1: Double.staleMarker.bitPattern, 2: (9.0).bitPattern],
        ]
        #expect(try await values(world.store) == expected)
        try await world.sealEverything()
        #expect(try await world.states() == [.sealed])
        #expect(try await values(world.store) == expected)
        // And once more, into a span that was folded before.
        _ = try await store([8, nil, nil], at: time, in: world.store)
        try await world.sealEverything()
        #expect(try await values(world.store)["0"]?[0] == (8.0).bitPattern)
        #expect(try await values(world.store)["1"] == expected["1"])
    }

    @Test func `late frames of a sealed span are in metrics_recent until they are folded in`() async throws {
        let world = try await SealingWorld()
        _ = try await store([1, 2], at: time, in: world.store)
        func seen() async throws -> [Double] {
            try await world.database.person("SELECT value FROM metrics_recent ORDER BY value").rows.map {
                try $0.double("value")
            }
        }
        #expect(try await seen() == [1, 2])
        try await world.sealEverything()
        #expect(try await seen() == [])
        _ = try await store([7, 8], at: time, in: world.store)
        #expect(try await seen() == [7, 8])
        // Closed, and a second table that is written into.
        try await world.blocks.take(try #require(try await world.nextStep()), under: nil)
        _ = try await store([9, nil], at: time, in: world.store)
        #expect(try await seen() == [7, 8, 9])
        try await world.sealEverything()
        #expect(try await seen() == [])
    }

    @Test func `late frames of one source leave the blocks of the others as they are`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 5)
        try await world.sealEverything()
        let query = "SELECT md5(string_agg(md5(block::text), '' ORDER BY layout, from_time)) AS digest FROM plumbline."
        func digest(of host: String) async throws -> String {
            let table = try #require(try await world.blocks.tables().first { $0.state == .sealed }?.name)
            return try await world.database.superuser(
                "\(query)\(table) AS block JOIN plumbline.sources ON id = source WHERE host = '\(host)'"
            ).only().string("digest")
        }
        let (web, db) = (try await digest(of: "web"), try await digest(of: "db"))
        _ = try await store([1, 2], at: time, in: world.store)
        let before = try await world.answers()
        try await world.sealEverything()
        #expect(try await digest(of: "web") != web)
        #expect(try await digest(of: "db") == db)
        #expect(try await world.answers() == before)
    }

    @Test func `a server that remembers the old table finds the new one`() async throws {
        let world = try await SealingWorld()
        let other = FrameStore(pool: world.database.pool, compression: .zstd)
        _ = try await store([1], at: time, in: other)
        // Closed, and not yet sealed: what comes now goes into a table of its own, and both are read.
        try await world.blocks.take(try #require(try await world.nextStep()), under: nil)
        #expect(try await world.states() == [.closed])
        #expect(try await store([2], at: time + .minutes(1), in: other).stored == 1)
        #expect(try await store([3], at: time, in: other).stored == 1)
        #expect(try await world.states() == [.closed, .open])
        let expected: [Int64: UInt64] = [0: (3.0).bitPattern, 1: (2.0).bitPattern]
        #expect(try await values(other)["0"] == expected)
        try await world.sealEverything()
        #expect(try await world.states() == [.sealed])
        #expect(try await values(other)["0"] == expected)
    }

    // MARK: Going

    // Shows F-SV-12
    @Test func `retention drops sealed spans and what came late`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 6)
        try await world.sealEverything()
        _ = try await store([1, 2], at: time, in: world.store)
        let all = try await world.store.partitioning.all()
        #expect(all.count == 3 && all.allSatisfy { $0.bytes > 0 })
        for partition in all where partition.to == SealingWorld.start + .days(1) {
            try await world.store.partitioning.drop(partition.name)
        }
        #expect(try await world.states() == [.sealed])
        #expect(try await values(world.store).isEmpty)
        // The day is as if it had never been.
        _ = try await store([5], at: time, in: world.store)
        #expect(try await values(world.store)["0"] == [0: (5.0).bitPattern])
    }

    @Test func `blocks whose frames retention took while they were made are given up`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 9, hours: 20)
        while let step = try await world.nextStep() {
            if case .fill = step { break }
            try await world.blocks.take(step, under: nil)
        }
        #expect(try await world.states() == [.building, .closed])
        // What is being made does not count as something to keep.
        #expect(try await world.store.partitioning.all().map(\.name) == ["frames_20261101"])
        try await world.store.partitioning.drop("frames_20261101")
        try await world.sealEverything()
        #expect(try await world.states().isEmpty)
    }

    @Test func `labels are found in blocks`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 7)
        let selection = Selection(
            matchers: [try Matcher("host", .equal, "db")], after: time.milliseconds,
            through: time.milliseconds + 3_600_000)
        let before: [Labels] = try await world.store.labels(of: [selection])
        #expect(before.count == 7)
        try await world.sealEverything()
        #expect(try await world.store.labels(of: [selection]) == before)
    }

    @Test func `who has lost the leadership seals nothing`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 8)
        let leaders = LeaderStore(pool: world.database.pool)
        let lost = try #require(try await leaders.lead("sealing", holder: "gone", for: .minutes(5)))
        try await leaders.resign(lost)
        let step = try #require(try await world.nextStep())
        await #expect(throws: LeadershipLost.self) { try await world.blocks.take(step, under: lost) }
        #expect(try await world.states() == [.open, .open])
    }
}
