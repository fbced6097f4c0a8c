import Database
import PromQL
import Telemetry
import TestSupport
import Testing

/// What `semantics.md` calls "frames and layouts": keys, duplicates, later writes, unions.
@Suite struct FrameStoreTests {
    private let source = Source(host: "web-1", producer: "cpu")
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func batch(
        _ series: [Series], _ frames: [(seconds: Int64, values: [Double?])], source: Source? = nil
    ) -> FrameBatch {
        FrameBatch(
            source: source ?? self.source, series: series,
            frames: frames.map { Frame(time: time + .seconds($0.seconds), values: $0.values) })
    }

    private func counts(
        stored: Int = 0, duplicates: Int = 0, replaced: Int = 0
    ) -> IngestCounts {
        var counts = IngestCounts()
        counts.stored = stored
        counts.duplicates = duplicates
        counts.replaced = replaced
        return counts
    }

    /// The values of one metric of the source, by seconds after `time`.
    private func values(_ name: String, in store: FrameStore, host: String = "web-1") async throws -> [Int64: Double] {
        let data = try await store.series(name, host: host, around: time)
        var values: [Int64: Double] = [:]
        for one in data {
            for (milliseconds, value) in zip(one.times, one.values) {
                values[(milliseconds - time.milliseconds) / 1000] = value
            }
        }
        return values
    }

    // Shows F-SV-05, W-A-07
    @Test func `a batch that is sent twice is stored once`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let batch = batch([Series("a"), Series("b", ["x": "1"])], [(0, [1, 2]), (10, [3, nil])])
        #expect(try await store.store([batch]) == counts(stored: 3))
        #expect(try await store.store([batch]) == counts(duplicates: 3))
        // Another process knows nothing yet.
        #expect(try await FrameStore(pool: database.pool).store([batch]) == counts(duplicates: 3))
        #expect(try await values("a", in: store) == [0: 1, 10: 3])
        #expect(try await values("b", in: store) == [0: 2])
        let rows = try await database.superuser("SELECT count(*) AS n FROM plumbline.frames").only().int("n")
        #expect(rows == 2)
    }

    @Test func `of the same frame the later value of each series wins, and what is absent stays`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let series = [Series("a"), Series("b"), Series("c"), Series("d")]
        _ = try await store.store([batch(series, [(0, [1, 2, nil, 4])])])
        #expect(
            try await store.store([batch(series, [(0, [1, 7, 3, nil])])])
                == counts(stored: 1, duplicates: 1, replaced: 1))
        #expect(try await values("a", in: store) == [0: 1])
        #expect(try await values("b", in: store) == [0: 7])
        #expect(try await values("c", in: store) == [0: 3])
        #expect(try await values("d", in: store) == [0: 4])
    }

    @Test func `new frames beside known ones are counted apart`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch([Series("a")], [(0, [1]), (10, [2])])])
        #expect(
            try await store.store([batch([Series("a")], [(0, [1]), (10, [9]), (20, [3])])])
                == counts(stored: 1, duplicates: 1, replaced: 1))
        #expect(try await values("a", in: store) == [0: 1, 10: 9, 20: 3])
    }

    @Test func `a frame that is in one request twice is one frame, with the later values`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let series = [Series("a"), Series("b")]
        let counted = try await store.store([
            batch(series, [(0, [1, 2]), (0, [1, 3])]), batch(series, [(0, [4, nil])]),
        ])
        #expect(counted == counts(stored: 2, duplicates: 1, replaced: 2))
        #expect(try await values("a", in: store) == [0: 4])
        #expect(try await values("b", in: store) == [0: 3])
    }

    @Test func `frames of several layouts at one instant read as their union, the later ingest first`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch([Series("a"), Series("b")], [(0, [1, 2]), (10, [5, 6])])])
        _ = try await store.store([batch([Series("b"), Series("c")], [(0, [20, 30])])])
        _ = try await store.store([batch([Series("a"), Series("c")], [(5, [7, 8])])])
        #expect(try await values("a", in: store) == [0: 1, 5: 7, 10: 5])
        #expect(try await values("b", in: store) == [0: 20, 10: 6])
        #expect(try await values("c", in: store) == [0: 30, 5: 8])
    }

    @Test func `more series than a layout holds are split, and read back whole`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let series: [Series] = (0..<1234).map { Series("many", ["number": "\($0)"]) }
        let values: [Double?] = (0..<1234).map { $0 % 7 == 0 ? nil : Double($0) }
        let expected: Int = values.count { $0 != nil }
        #expect(try await store.store([batch(series, [(0, values)])]) == counts(stored: expected))
        #expect(try await store.store([batch(series, [(0, values)])]) == counts(duplicates: expected))
        let widest = try await database.superuser(
            "SELECT max(cardinality(series)) AS widest FROM plumbline.layouts"
        ).only().int("widest")
        #expect(widest <= Limits.seriesPerLayout)
        let data = try await store.series("many", host: "web-1", around: time)
        #expect(data.count == expected)
        #expect(data.allSatisfy { $0.labels["number"] == "\(Int($0.values[0]))" })
    }

    @Test func `every bit of a value comes back`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let numbers: [Double] = [
            -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, .nan,
        ]
        let series: [Series] = numbers.indices.map { Series("n\($0)") }
        _ = try await store.store([batch(series, [(0, numbers)])])
        for (index, number) in numbers.enumerated() {
            let found = try await values("n\(index)", in: store)
            #expect(found[0]?.bitPattern == number.bitPattern)
        }
    }

    // MARK: Ends of series

    @Test func `the end of a series is kept beside the values, and counted once`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let series = [Series("a"), Series("b")]
        let batch = batch(series, [(0, [1, 2]), (10, [.staleMarker, 3])])
        #expect(try await store.store([batch]) == counts(stored: 4))
        #expect(try await store.store([batch]) == counts(duplicates: 4))
        #expect(try await values("a", in: store)[10]?.isStaleMarker == true)
        #expect(try await values("b", in: store) == [0: 2, 10: 3])
        // As PostgreSQL has it, a NULL: no NaN that a dump and restore would change.
        let held = try await database.superuser(
            "SELECT count(*) AS n FROM plumbline.frames WHERE values[1] = 'NaN' OR values[2] = 'NaN'"
        ).only().int("n")
        #expect(held == 0)
    }

    @Test func `a later value takes the place of an end, a later end that of a value, and absence of neither`()
        async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let series = [Series("a"), Series("b"), Series("c"), Series("d")]
        _ = try await store.store([batch(series, [(0, [.staleMarker, 2, .staleMarker, 4])])])
        #expect(
            try await store.store([batch(series, [(0, [1, .staleMarker, nil, nil])])])
                == counts(replaced: 2))
        #expect(try await values("a", in: store) == [0: 1])
        #expect(try await values("b", in: store)[0]?.isStaleMarker == true)
        #expect(try await values("c", in: store)[0]?.isStaleMarker == true)
        #expect(try await values("d", in: store) == [0: 4])
    }

    // MARK: Many writers

    @Test func `the first writers of the same frames meet, and each sample is stored once`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let other = FrameStore(pool: database.pool)
        for round in 0..<8 {
            let series: [Series] = (0..<20).map { Series("round_\(round)", ["number": "\($0)"]) }
            let frames: [(Int64, [Double?])] = (0..<10).map { (Int64($0), series.indices.map { Double($0) }) }
            let batch = batch(series, frames)
            let total: IngestCounts = try await withThrowingTaskGroup(of: IngestCounts.self) { group in
                for writer in 0..<6 {
                    group.addTask { try await (writer % 2 == 0 ? store : other).store([batch]) }
                }
                return try await group.reduce(into: IngestCounts()) { $0 = $0 + $1 }
            }
            #expect(total == counts(stored: 200, duplicates: 1000))
        }
    }

    @Test func `writers of overlapping frames in other orders do not wait for each other in a circle`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for round in 0..<5 {
                        let batches: [FrameBatch] = (0..<4).map { number in
                            self.batch(
                                [Series("a")], (0..<5).map { (Int64($0), [Double(writer * 10 + round)]) },
                                source: Source(host: "host-\(number)", producer: "p"))
                        }
                        _ = try await store.store(writer % 2 == 0 ? batches : batches.reversed())
                    }
                }
            }
            try await group.waitForAll()
        }
        let rows = try await database.superuser("SELECT count(*) AS n FROM plumbline.frames").only().int("n")
        #expect(rows == 20)
    }

    // Shows F-SV-04
    @Test func `a connection that dies while storing loses nothing that was acknowledged and stores nothing by half`()
        async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let first = batch([Series("a")], [(0, [1])])
        _ = try await store.store([first])
        let next = batch([Series("a")], [(10, [2]), (86_400, [3])])
        _ = try await store.store([batch([Series("a")], [(86_410, [9])])])
        // The writer has stored the first day's frame when it meets the lock on the second day's.
        let blocker = try await database.connect(as: database.superuserAddress)
        let second = try await store.partitioning.all().last?.name
        try await blocker.script("BEGIN; LOCK TABLE plumbline.\(try #require(second)) IN ACCESS EXCLUSIVE MODE")
        let writing = Task { try await store.store([next]) }
        try await database.terminateWaiting()
        await #expect(throws: DatabaseError.self) { try await writing.value }
        try await blocker.script("ROLLBACK")
        #expect(try await values("a", in: store) == [0: 1, 86_410: 9])
        #expect(try await store.store([next]) == counts(stored: 2))
        #expect(database.pool.counts.total <= database.pool.configuration.size)
    }

    // MARK: Reading

    @Test func `selections pick by name, label and host, and are open at their beginning`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        for host in ["web-1", "web-2", "db-1"] {
            _ = try await store.store([
                batch(
                    [
                        Series("up"), Series("cpu", ["mode": "idle"]),
                        Series("cpu", ["mode": "user", "odd": "a\"b\\c\nd"]),
                    ],
                    [(0, [1, 2, 3]), (10, [4, 5, 6])], source: Source(host: host, producer: "p"))
            ])
        }
        func found(_ query: String, after: Int64 = -1, through: Int64 = 100) async throws -> [String] {
            let expression = try PromQL.parse(query)
            let selection = Selection(
                matchers: expression.selectors[0].matchers, after: (time + .seconds(after)).milliseconds,
                through: (time + .seconds(through)).milliseconds)
            return try await store.load([selection])[0].map { series in
                let label: String = series.labels["mode"].map { "/" + $0 } ?? ""
                let values: String = series.values.map { "\(Int($0))" }.joined(separator: ",")
                return "\(series.labels["__name__"] ?? "")\(label)@\(series.labels["host"] ?? "")=\(values)"
            }.sorted()
        }
        #expect(try await found("up") == ["up@db-1=1,4", "up@web-1=1,4", "up@web-2=1,4"])
        #expect(try await found("up{host=~\"web-.*\"}") == ["up@web-1=1,4", "up@web-2=1,4"])
        #expect(try await found("cpu{mode!=\"idle\",host=\"db-1\"}") == ["cpu/user@db-1=3,6"])
        #expect(try await found("{__name__=~\"u.\",host!=\"db-1\",mode=\"\"}") == ["up@web-1=1,4", "up@web-2=1,4"])
        #expect(try await found("cpu{odd=\"a\\\"b\\\\c\\nd\",host=\"db-1\"}") == ["cpu/user@db-1=3,6"])
        #expect(try await found("up{host=\"nobody\"}") == [])
        #expect(try await found("up{host=\"db-1\"}", after: 0, through: 10) == ["up@db-1=4"])
        #expect(try await found("up{host=\"db-1\"}", after: -1, through: 9) == ["up@db-1=1"])
        #expect(try await found("up{host=\"db-1\"}", after: 10, through: 99) == [])
    }

    /// Random writes against a dictionary: whatever the layouts, orders and repetitions, the last write of a series at an
    /// instant is what is read.
    @Test(arguments: [1, 2, 3]) func `what is read is the last that was written`(seed: UInt64) async throws {
        let database = try await TestPostgres.database()
        let stores: [FrameStore] = (0..<2).map { _ in FrameStore(pool: database.pool, limits: .init(newLayouts: .max)) }
        var generator = SplitMix(state: seed)
        var model: [String: [Int64: Double]] = [:]
        for _ in 0..<40 {
            var batches: [FrameBatch] = []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let names: [String] = ["a", "b", "c", "d", "e"].filter { _ in Bool.random(using: &generator) }
                    .shuffled(using: &generator)
                guard !names.isEmpty else { continue }
                let host: String = ["x", "y"].randomElement(using: &generator) ?? "x"
                var frames: [(seconds: Int64, values: [Double?])] = []
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let seconds = Int64.random(in: 0...5, using: &generator) * 20_000
                    var values: [Double?] = []
                    for name in names {
                        // No absent values: a frame keeps one number of ingest for all its series.
                        let draw = Int.random(in: 1...9, using: &generator)
                        let value: Double = draw == 1 ? .staleMarker : Double(draw)
                        values.append(value)
                        model["\(name)@\(host)", default: [:]][seconds] = value
                    }
                    frames.append((seconds, values))
                }
                batches.append(
                    batch(names.map { Series($0) }, frames, source: Source(host: host, producer: "p")))
            }
            _ = try await stores[Int.random(in: 0...1, using: &generator)].store(batches)
        }
        for (key, expected) in model {
            let parts: [Substring] = key.split(separator: "@")
            let found = try await values(String(parts[0]), in: stores[0], host: String(parts[1]))
            #expect(found.mapValues(\.bitPattern) == expected.mapValues(\.bitPattern), "\(key)")
        }
    }

    /// Random writes against a model of frames: whatever is absent, ended or sent again, every sample is counted once and
    /// reads as the model says.
    @Test(arguments: [1, 2, 3]) func `each sample is counted once, and absences leave what was there`(
        seed: UInt64
    ) async throws {
        let database = try await TestPostgres.database()
        let stores: [FrameStore] = (0..<2).map { _ in FrameStore(pool: database.pool) }
        var generator = SplitMix(state: seed)
        var model = FrameModel()
        for _ in 0..<60 {
            let hosts: [String] = ["x", "y"].filter { _ in Bool.random(using: &generator) }
            let batches: [FrameBatch] = hosts.map { randomBatch(host: $0, using: &generator) }
            let expected: IngestCounts = model.store(batches)
            let counted = try await stores[Int.random(in: 0...1, using: &generator)].store(batches)
            #expect(counted == expected)
        }
        for host in ["x", "y"] {
            for name in Self.names {
                var found: [Timestamp: UInt64] = [:]
                for one in try await stores[0].series(name, host: host, around: time) {
                    for (milliseconds, value) in zip(one.times, one.values) {
                        found[Timestamp(milliseconds: milliseconds)] = value.bitPattern
                    }
                }
                #expect(found == model.values(name, host: host).mapValues(\.bitPattern), "\(name) of \(host)")
            }
        }
    }

    private static let names = ["a", "b", "c", "d", "e"]

    private func randomBatch(host: String, using generator: inout SplitMix) -> FrameBatch {
        var names: [String] = Self.names.filter { _ in Bool.random(using: &generator) }
        if names.isEmpty { names = ["a"] }
        // Few orders, so that layouts come again.
        if Int.random(in: 0...3, using: &generator) == 0 { names.reverse() }
        // Each instant once: what repeats within a request has a test of its own.
        let instants: [Int64] = [0, 1, 2, 3, 4].filter { _ in Bool.random(using: &generator) }
        let frames: [Frame] = instants.shuffled(using: &generator).map { instant in
            let values: [Double?] = names.map { _ in
                let draw = Int.random(in: 0...6, using: &generator)
                return draw == 0 ? nil : draw == 1 ? .staleMarker : Double(draw)
            }
            return Frame(time: time + .seconds(instant * 20_000), values: values)
        }
        return FrameBatch(source: Source(host: host, producer: "p"), series: names.map { Series($0) }, frames: frames)
    }
}

/// What `semantics.md` says of frames, as simply as it can be said.
private struct FrameModel {
    private struct Key: Hashable {
        var host: String
        var time: Timestamp
        var series: [Series]
    }

    private struct Stored {
        var values: [Double?]
        var sequence: Int
    }

    private var frames: [Key: Stored] = [:]
    private var sequence = 0

    mutating func store(_ batches: [FrameBatch]) -> IngestCounts {
        sequence += 1
        var counts = IngestCounts()
        for batch in batches {
            for frame in batch.frames {
                let key = Key(host: batch.source.host, time: frame.time, series: batch.series)
                var stored = frames[key] ?? Stored(values: batch.series.map { _ in nil }, sequence: sequence)
                for (index, value) in frame.values.enumerated() {
                    guard let value else { continue }
                    switch stored.values[index]?.bitPattern {
                    case nil: counts.stored += 1
                    case value.bitPattern:
                        counts.duplicates += 1
                        continue
                    default: counts.replaced += 1
                    }
                    stored.values[index] = value
                    stored.sequence = sequence
                }
                frames[key] = stored
            }
        }
        return counts
    }

    func values(_ name: String, host: String) -> [Timestamp: Double] {
        var latest: [Timestamp: (sequence: Int, value: Double)] = [:]
        for (key, stored) in frames where key.host == host {
            guard let index = key.series.firstIndex(of: Series(name)), let value = stored.values[index],
                stored.sequence > latest[key.time]?.sequence ?? 0
            else { continue }
            latest[key.time] = (stored.sequence, value)
        }
        return latest.mapValues(\.value)
    }
}

extension FrameStore {
    /// A metric of a host, for two days around an instant.
    func series(_ name: String, host: String, around time: Timestamp) async throws -> [SeriesData] {
        let selection = Selection(
            matchers: [.equal(metricNameLabel, name), .equal("host", host)], after: (time - .days(2)).milliseconds,
            through: (time + .days(2)).milliseconds)
        return try await load([selection])[0]
    }
}

extension TestDatabase {
    /// Ends the session that waits for a lock, once there is one.
    func terminateWaiting() async throws {
        for _ in 0..<500 {
            let ended = try await superuser(
                """
                SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            ).only().int("n")
            if ended > 0 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("nobody waits for a lock")
    }
}

/// The same numbers on every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
