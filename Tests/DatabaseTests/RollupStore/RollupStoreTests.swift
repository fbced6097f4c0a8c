import PromQL
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Database

/// Rollups are made of what is stored, whatever way it came, and answer as the samples do.
@Suite struct RollupStoreTests {
    /// 2027-01-15T08:00:00Z
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    /// A store whose clock says that everything written is long past.
    private func store(_ database: TestDatabase) -> FrameStore {
        FrameStore(pool: database.pool) { [start] in start + .days(2) }
    }

    private func lead(_ database: TestDatabase) async throws -> Leadership {
        try #require(try await LeaderStore(pool: database.pool).lead("rollups", holder: "test", for: .hours(1)))
    }

    /// Closes hours without any data up to `edge`, then makes what is marked.
    private func makeAll(_ frames: FrameStore, _ database: TestDatabase, closedTo edge: Timestamp) async throws {
        let leadership = try await lead(database)
        _ = try await frames.rollups.state(now: start - .days(3))
        try await frames.rollups.advance(to: edge, under: leadership)
        while case let marks = try await frames.rollups.marks(before: edge, atMost: 100), !marks.isEmpty {
            for mark in marks {
                _ = try await frames.rollups.make([mark.source], hour: mark.hour, under: leadership)
            }
        }
    }

    // MARK: Random data

    private let series: [Series] = [
        Series("requests_total", ["path": "/"]), Series("requests_total", ["path": "/login"]), Series("load"),
        Series("constant"), Series("temperature", ["job": "own"]),
    ]

    /// Six hours of three hosts: counters that reset, gaps, series that end, NaN, instants on edges and beside them.
    private func fill(_ frames: FrameStore, using random: inout SplitMix) async throws {
        for host in ["web", "db", "mail"] {
            var counters: [Double] = [0, 100]
            var batch = FrameBatch(source: Source(host: host, producer: "p"), series: series, frames: [])
            var time: Timestamp = start
            while time < start + .hours(6) {
                let isOnTime: Bool = Int.random(in: 0..<4, using: &random) > 0
                time = (time + .seconds(10)).floored(to: .seconds(10))
                if !isOnTime { time = time + .milliseconds(Int64.random(in: 1..<9999, using: &random)) }
                if Int.random(in: 0..<150, using: &random) == 0 {
                    time = time + .minutes(Int64.random(in: 1...70, using: &random))
                }
                for place in counters.indices {
                    counters[place] += Double.random(in: 0..<10, using: &random)
                    if Int.random(in: 0..<60, using: &random) == 0 { counters[place] = 0 }
                }
                var values: [Double?] = [
                    counters[0], counters[1], Double.random(in: -5..<5, using: &random), 7,
                    Double(Int.random(in: 0..<4, using: &random)) / 10,
                ]
                for place in values.indices {
                    switch Int.random(in: 0..<50, using: &random) {
                    case 0: values[place] = nil
                    case 1: values[place] = .staleMarker
                    case 2 where place == 2: values[place] = .nan
                    default: break
                    }
                }
                batch.frames.append(Frame(time: time, values: values))
            }
            _ = try await frames.store([batch])
        }
    }

    private let expressions: [String] = [
        "requests_total", "avg(load)", "sum by (host) (constant)", "topk(2, temperature)", "timestamp(load)",
        "avg_over_time(load[5m])", "sum_over_time(temperature[1h])", "min_over_time(load[10m])",
        "max_over_time(load[5m])", "count_over_time(load[2h])", "present_over_time(load[1m])",
        "first_over_time(load[5m])", "last_over_time(load[5m])", "rate(requests_total[5m])",
        "increase(requests_total[1h])", "delta(temperature[10m])", "sum(rate(requests_total{path=\"/\"}[1m]))",
        "absent_over_time(nothing[5m])", "avg_over_time(load[5m] offset 1h)",
        "max_over_time(rate(requests_total[5m])[30m:5m])", "load offset 10m", "stddev_over_time(load[5m])",
        "irate(requests_total[5m])", "changes(temperature[1h])", "load @ \(1_800_000_000 + 7200)",
    ]

    private func answer(
        _ text: String, _ range: QueryRange, _ frames: FrameStore, withRollups: Bool
    ) async throws -> (QueryResult, isRolledUp: Bool) {
        let expression = try PromQL.parse(text)
        var selections = expression.selections(over: range)
        if !withRollups { for place in selections.indices { selections[place].buckets = nil } }
        let data = try await frames.load(selections)
        return (
            try expression.evaluate(over: range, data: data), data.contains { $0.contains { $0.resolution != nil } }
        )
    }

    private func samples(_ result: QueryResult) -> [String: Double] {
        var found: [String: Double] = [:]
        switch result {
        case .matrix(let series):
            for one in series {
                for sample in one.samples { found["\(one.labels) \(sample.time.milliseconds)"] = sample.value }
            }
        case .vector(let elements): for one in elements { found["\(one.labels)"] = one.sample.value }
        case .scalar(let sample): found["scalar"] = sample.value
        case .string: break
        }
        return found
    }

    private func isNear(_ left: Double, _ right: Double) -> Bool {
        if left.isNaN || right.isNaN { return left.isNaN && right.isNaN }
        return left == right || abs(left - right) <= 1e-9 * max(1, abs(left), abs(right))
    }

    private func expectSame(
        _ frames: FrameStore, from: Timestamp, through: Timestamp, step: PromDuration, rolledUp: inout Set<String>
    ) async throws {
        let range = try QueryRange(from: from, through: through, step: step)
        for text in expressions {
            let (plain, _) = try await answer(text, range, frames, withRollups: false)
            let (other, isRolledUp) = try await answer(text, range, frames, withRollups: true)
            if isRolledUp { rolledUp.insert(text) }
            let (left, right) = (samples(plain), samples(other))
            #expect(Set(left.keys) == Set(right.keys), "\(text) every \(step)")
            for (key, value) in left {
                guard let found = right[key] else { continue }
                #expect(isNear(value, found), "\(text) every \(step): \(key) is \(value), by rollups \(found)")
            }
        }
    }

    @Test(arguments: [UInt64(1), 2, 3]) func `answers from rollups are those of the samples`(seed: UInt64) async throws
    {
        var random = SplitMix(state: seed)
        let database = try await TestPostgres.database()
        let frames = store(database)
        try await fill(frames, using: &random)
        // The last hours are not closed: rollups and samples in one answer.
        try await makeAll(frames, database, closedTo: start + .hours(4))
        var rolledUp: Set<String> = []
        for step in [PromDuration.minutes(1), .minutes(5), .minutes(15), .hours(1), .seconds(90)] {
            try await expectSame(
                frames, from: start, through: start + .hours(6), step: step, rolledUp: &rolledUp)
        }
        try await expectSame(
            frames, from: start + .minutes(20), through: start + .minutes(200), step: .minutes(5), rolledUp: &rolledUp)
        // Off the edges: from samples.
        var none: Set<String> = []
        try await expectSame(
            frames, from: start + .seconds(7), through: start + .hours(3), step: .minutes(5), rolledUp: &none)
        #expect(none.subtracting(["load @ 1800007200", "max_over_time(rate(requests_total[5m])[30m:5m])"]).isEmpty)
        let needsSamples: Set<String> = [
            "stddev_over_time(load[5m])", "irate(requests_total[5m])", "changes(temperature[1h])",
            "absent_over_time(nothing[5m])", "load @ 1800007200",
        ]
        #expect(rolledUp == Set(expressions).subtracting(needsSamples))
        // What memory has of these hours is of before: the same questions after late samples, and again from memory.
        for count in 1...2 {
            _ = try await frames.store([
                FrameBatch(
                    source: Source(host: "web", producer: "p"), series: series,
                    frames: (0..<60).map {
                        Frame(
                            time: start + .minutes(Int64($0 * 3)) + .seconds(5), values: [1, Double(count), -9, 8, 0])
                    })
            ])
            try await makeAll(frames, database, closedTo: start + .hours(4))
            for _ in 0..<2 {
                try await expectSame(
                    frames, from: start, through: start + .hours(5), step: .minutes(5), rolledUp: &rolledUp)
            }
        }
    }

    private let windows: [String] = [
        "avg_over_time(load[2h])", "sum_over_time(temperature[90m])", "min_over_time(load[5h])",
        "max_over_time(load[3h])", "count_over_time(load[1h])", "first_over_time(load[2h])",
        "last_over_time(load[4h])", "rate(requests_total[2h])", "increase(requests_total[5h])",
        "delta(temperature[3h])", "topk(2, avg_over_time(load[4h]))", "increase(requests_total[2h] offset 17m3s)",
        "rate(requests_total[2h] @ \(1_800_000_000 + 9999))",
    ]

    @Test(arguments: [UInt64(4), 5]) func `one window is read from rollups wherever it begins and ends`(
        seed: UInt64
    ) async throws {
        var random = SplitMix(state: seed)
        let database = try await TestPostgres.database()
        let frames = store(database)
        try await fill(frames, using: &random)
        try await makeAll(frames, database, closedTo: start + .hours(5))
        for _ in 0..<6 {
            let time: Timestamp =
                start + .milliseconds(Int64.random(in: (5 * 3_600_000)...(6 * 3_600_000), using: &random))
            for text in windows {
                let (plain, _) = try await answer(text, .instant(time), frames, withRollups: false)
                let (other, isRolledUp) = try await answer(text, .instant(time), frames, withRollups: true)
                #expect(isRolledUp, "\(text) at \(time)")
                let (left, right) = (samples(plain), samples(other))
                #expect(Set(left.keys) == Set(right.keys), "\(text) at \(time)")
                for (key, value) in left {
                    guard let found = right[key] else { continue }
                    #expect(isNear(value, found), "\(text) at \(time): \(key) is \(value), by rollups \(found)")
                }
            }
        }
        // Where samples are gone, what lies beside the edges cannot be read.
        for partition in try await frames.partitioning.all() { try await frames.partitioning.drop(partition.name) }
        let selection = try PromQL.parse("sum_over_time(load[2h])").selections(over: .instant(start + .seconds(14_399)))
        let found: [SeriesData] = try await frames.load(selection)[0]
        #expect(!found.isEmpty && found.allSatisfy { $0.goneBefore != nil })
    }

    @Test func `what was read stays in memory until an hour is made anew`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", Array(stride(from: 10, through: 7200, by: 10)))])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        let range = try QueryRange(from: start + .hours(1), through: start + .hours(2), step: .hours(1))
        let first = try await answer("sum_over_time(a[1h])", range, frames, withRollups: true).0
        #expect(samples(first).values.sorted() == [360, 360])
        try await database.superuser("DELETE FROM plumbline.rollup_1h WHERE time > to_timestamp(1800000000)")
        // Another column of the same hours was not read yet; an hour more neither.
        #expect(
            samples(try await answer("max_over_time(a[1h])", range, frames, withRollups: true).0).count == 1)
        let again = try await answer("sum_over_time(a[1h])", range, frames, withRollups: true).0
        #expect(samples(again) == samples(first))
        #expect(frames.rollupCacheBytes > 0)
        _ = try await frames.store([batch("a", [3], value: 100)])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        let anew = try await answer("sum_over_time(a[1h])", range, frames, withRollups: true).0
        #expect(samples(anew).values.sorted() == [460])
    }

    // MARK: Marks

    private func batch(_ name: String, _ seconds: [Int64], value: Double = 1, host: String = "web") -> FrameBatch {
        FrameBatch(
            source: Source(host: host, producer: "p"), series: [Series(name)],
            frames: seconds.map { Frame(time: start + .seconds($0), values: [value]) })
    }

    private func hourly(_ database: TestDatabase) async throws -> [String] {
        try await database.superuser(
            """
            SELECT extract(epoch FROM time)::bigint - 1800000000 AS at, count, sum FROM plumbline.rollup_1h
            ORDER BY source, series, time
            """
        ).rows.map { "\(try $0.int("at")): \(try $0.int("count")) \(try $0.double("sum"))" }
    }

    // Shows F-SV-05
    @Test func `a batch that is sent twice counts once, and late samples make their hour anew`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        let first = batch("a", [10, 20, 3600, 3601])
        _ = try await frames.store([first])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        // The sample on the edge is the first hour's.
        #expect(try await hourly(database) == ["0: 3 3.0", "3600: 1 1.0"])
        for _ in 0..<3 { _ = try await frames.store([first]) }
        try await makeAll(frames, database, closedTo: start + .hours(12))
        #expect(try await hourly(database) == ["0: 3 3.0", "3600: 1 1.0"])
        _ = try await frames.store([batch("a", [30], value: 5), batch("a", [20], value: 2)])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        #expect(try await hourly(database) == ["0: 4 9.0", "3600: 1 1.0"])
    }

    @Test func `while an hour is marked it is answered from its samples`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", Array(stride(from: 10, through: 7200, by: 10)))])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        _ = try await frames.store([batch("a", [3], value: 100)])
        let range = try QueryRange(from: start + .hours(1), through: start + .hours(2), step: .hours(1))
        let (late, isRolledUp) = try await answer("sum_over_time(a[1h])", range, frames, withRollups: true)
        #expect(samples(late).values.sorted() == [360, 460])
        #expect(isRolledUp)
    }

    @Test func `a mark of a transaction that was not seen stays`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", [10])])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        // A writer that is still under way when the hour is made anew for another.
        let writer = try await database.connect(as: database.superuserAddress)
        _ = try await writer.execute("BEGIN")
        _ = try await writer.execute(
            "INSERT INTO plumbline.rollup_marks (source, hour) SELECT id, $1::timestamptz FROM plumbline.sources",
            [.time(start)])
        _ = try await frames.store([batch("a", [20])])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        #expect(try await hourly(database) == ["0: 2 2.0"])
        _ = try await writer.execute("COMMIT")
        #expect(try await frames.rollups.marks(before: start + .hours(12), atMost: 10).map(\.hour) == [start])
    }

    @Test func `live samples leave no mark, samples of an hour that is over do`() async throws {
        let database = try await TestPostgres.database()
        let live = FrameStore(pool: database.pool) { [start] in start + .seconds(3655) }
        _ = try await live.store([batch("a", [10, 3600, 3650])])
        func marks() async throws -> Int {
            try await database.superuser("SELECT count(*) AS n FROM plumbline.rollup_marks").only().int("n")
        }
        #expect(try await marks() == 0)
        let late = FrameStore(pool: database.pool) { [start] in start + .seconds(3661) }
        _ = try await late.store([batch("b", [3600])])
        #expect(try await marks() == 1)
        // Through the temporary table too.
        _ = try await late.store([batch("b", [3600, 40])])
        #expect(try await marks() == 2)
    }

    @Test func `a transaction that began long after its samples were found in time is begun again`() async throws {
        let database = try await TestPostgres.database()
        let times = Mutex<[Timestamp]>([])
        let frames = FrameStore(pool: database.pool) { [start] in
            // The last of them again and again.
            times.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? start }
        }
        times.withLock { $0 = [start + .seconds(3600)] }
        _ = try await frames.store([batch("a", [3500])])
        // Planned, found in time; a minute later the database answers, and the sample is late.
        times.withLock { $0 = [start + .seconds(3650), start + .seconds(3650), start + .seconds(3710)] }
        #expect(try await frames.store([batch("a", [3510])]).stored == 1)
        let marks = try await database.superuser("SELECT count(*) AS n FROM plumbline.rollup_marks").only().int("n")
        #expect(marks == 1)
        #expect(times.withLock { $0.count } == 1)
    }

    @Test func `rollups outlive the frames they were made of`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", [10, 20, 30])])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        for partition in try await frames.partitioning.all() { try await frames.partitioning.drop(partition.name) }
        #expect(try await hourly(database) == ["0: 3 3.0"])
        // One that comes now makes a partition of its own, and does not take the place of three.
        _ = try await frames.store([batch("a", [40])])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        #expect(try await hourly(database) == ["0: 3 3.0"])
    }

    @Test func `a series is listed where there are samples or rollups of it, and nowhere else`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([
            FrameBatch(
                source: Source(host: "web", producer: "p"),
                series: [Series("a"), Series("sometimes"), Series("never")],
                frames: [
                    Frame(time: start + .seconds(10), values: [1, 2, nil]),
                    Frame(time: start + .seconds(20), values: [1, nil, nil]),
                ])
        ])
        func names(_ from: PromDuration, _ to: PromDuration) async throws -> [String] {
            try await frames.labels(of: [
                Selection(matchers: [], after: (start + from).milliseconds, through: (start + to).milliseconds)
            ]).map { "\($0[metricNameLabel] ?? "")" }
        }
        #expect(try await names(.zero, .hours(1)) == ["a", "sometimes"])
        #expect(try await names(.seconds(10), .hours(1)) == ["a"])
        #expect(try await names(.seconds(20), .hours(1)) == [])
        try await makeAll(frames, database, closedTo: start + .hours(12))
        for partition in try await frames.partitioning.all() { try await frames.partitioning.drop(partition.name) }
        // The hour's rollups are what there is.
        #expect(try await names(.zero, .hours(1)) == ["a", "sometimes"])
        #expect(try await names(.hours(1), .hours(2)) == [])
        #expect(try await names(.hours(-2), .hours(-1)) == [])
    }

    @Test func `rollups are complete once every hour is closed and none is marked`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        func areComplete() async throws -> Bool {
            try await frames.rollups.areComplete(from: start, to: start + .hours(4))
        }
        _ = try await frames.store([batch("a", [10])])
        // Marked, though nothing was ever closed.
        #expect(try await !areComplete())
        try await makeAll(frames, database, closedTo: start + .hours(3))
        #expect(try await !areComplete())
        try await makeAll(frames, database, closedTo: start + .hours(4))
        #expect(try await areComplete())
        // On the edge, and so of the hour before.
        _ = try await frames.store([batch("a", [0])])
        #expect(try await !areComplete())
        try await makeAll(frames, database, closedTo: start + .hours(4))
        _ = try await frames.store([batch("a", [4 * 3600 + 1])])
        #expect(try await areComplete())
    }

    @Test func `who lost the leadership writes nothing`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", [10])])
        let leadership = try await lead(database)
        try await database.superuser("UPDATE plumbline.leaders SET epoch = epoch + 1")
        let source = try await database.superuser("SELECT id FROM plumbline.sources").only().int("id")
        await #expect(throws: LeadershipLost.self) {
            _ = try await frames.rollups.make([source], hour: start, under: leadership)
        }
        await #expect(throws: LeadershipLost.self) {
            try await frames.rollups.advance(to: start + .hours(1), under: leadership)
        }
        #expect(try await hourly(database) == [])
    }

    @Test func `a session that is killed while it writes rollups leaves all marks and no rollup`() async throws {
        let database = try await TestPostgres.database()
        let frames = store(database)
        _ = try await frames.store([batch("a", [10, 20])])
        let leadership = try await lead(database)
        _ = try await frames.rollups.state(now: start - .days(3))
        try await frames.rollups.advance(to: start + .hours(12), under: leadership)
        let source = try await database.superuser("SELECT id FROM plumbline.sources").only().int("id")
        // The last table that is written is held by somebody else.
        let table = try await frames.rollups.partitioning(.hour).name(at: start)
        let holder = try await database.connect(as: database.superuserAddress)
        _ = try await holder.execute("BEGIN")
        _ = try await holder.execute("LOCK TABLE plumbline.\(table) IN EXCLUSIVE MODE")
        async let made: Int? = try? frames.rollups.make([source], hour: start, under: leadership)
        try await database.terminateWaiting()
        #expect(await made == nil)
        _ = try await holder.execute("ROLLBACK")
        #expect(try await frames.rollups.marks(before: start + .hours(12), atMost: 10).count == 1)
        for name in ["rollup_1m", "rollup_5m", "rollup_1h"] {
            let rows = try await database.superuser("SELECT count(*) AS n FROM plumbline.\(name)").only().int("n")
            #expect(rows == 0)
        }
        #expect(try await frames.rollups.make([source], hour: start, under: leadership) == 2)
        #expect(try await hourly(database) == ["0: 2 2.0"])
    }
}
