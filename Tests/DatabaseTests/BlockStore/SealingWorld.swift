import ColumnCodec
import Compression
import Database
import PromQL
import Runtime
import Telemetry
import TestSupport
import Testing

extension ByteCompression {
    static let zstd = ByteCompression(
        compress: { Zstd.compress($0) }, decompress: { try? Zstd.decompress($0, atMost: $1) })
}

/// A database with frames of two days that are long over, and what seals them.
struct SealingWorld: Sendable {
    let database: TestDatabase
    let store: FrameStore
    let blocks: BlockStore
    /// 2026-11-01T00:00:00Z, the beginning of the first day.
    static let start = Timestamp(seconds: 1_793_491_200)
    /// Long after both days.
    static let now = start + .days(10)
    static let policy = SealPolicy(sealAfter: .hours(48), foldAfter: .zero, dropAfter: .zero)

    init() async throws {
        database = try await TestPostgres.database()
        store = FrameStore(pool: database.pool, compression: .zstd)
        blocks = BlockStore(pool: database.pool, compression: .zstd)
    }

    /// Takes every step that is due, until none is.
    func sealEverything(policy: SealPolicy = Self.policy) async throws {
        while let step = try await nextStep(policy) { try await blocks.take(step, under: nil) }
    }

    func nextStep(_ policy: SealPolicy = Self.policy) async throws -> SealStep? {
        SealPlan.steps(try await blocks.tables(), policy, now: Self.later).first
    }

    /// The database's clock says when a table changed; the test's days are in another time.
    private static var later: Timestamp { max(Timestamp.now(), now) + .days(1) }

    func states() async throws -> [CataloguedTable.State] { try await blocks.tables().map(\.state) }

    // MARK: Data

    /// Days of three sources: series of many kinds, some of which stand in two layouts, come and go, end, and were sent
    /// twice.
    func ingest(seed: UInt64, hours: Int = 30, every: PromDuration = .minutes(3)) async throws {
        var random = SeededNumbers(seed)
        for host in ["web", "db", "odd"] {
            let series: [Series] = (0..<5).map { Series("m", ["n": "\($0)"]) } + [Series("only_\(host)")]
            var level: [Double] = series.map { _ in Double(Int.random(in: 0..<1000, using: &random)) }
            var (first, second): ([Frame], [Frame]) = ([], [])
            var time: Timestamp = Self.start + .seconds(Int64.random(in: 0..<60, using: &random))
            while time < Self.start + .hours(Int64(hours)) {
                for place in level.indices where place != 2 {
                    level[place] += Double(Int.random(in: 0...20, using: &random)) / (place == 1 ? 100 : 1)
                }
                let values: [Double?] = level.map { Int.random(in: 0..<40, using: &random) == 0 ? nil : $0 }
                first.append(Frame(time: time, values: values))
                if Int.random(in: 0..<3, using: &random) == 0 {
                    let value: Double? = [nil, .staleMarker, -0.0, .nan, .infinity, 0.1][
                        Int.random(in: 0..<6, using: &random)]
                    second.append(Frame(time: time, values: [level[0] + 1, value]))
                }
                // The same millisecond, microseconds later.
                if Int.random(in: 0..<20, using: &random) == 0 {
                    first.append(
                        Frame(time: Timestamp(microseconds: time.microseconds + 7), values: level.map { -$0 }))
                }
                time = time + every + .milliseconds(Int64.random(in: 0..<9, using: &random))
            }
            let source = Source(host: host, producer: "p")
            let other: [Series] = [series[0], Series("late_\(host)")]
            _ = try await store.store([FrameBatch(source: source, series: series, frames: first)])
            _ = try await store.store([FrameBatch(source: source, series: other, frames: second)])
        }
    }

    // MARK: Answers

    /// A series as bits, so that NaN and -0 are compared too.
    struct Answer: Hashable, Comparable {
        var labels: String
        var times: [Int64]
        var bits: [UInt64]
        static func < (left: Answer, right: Answer) -> Bool { left.labels < right.labels }
    }

    /// What queries of several widths answer.
    func answers() async throws -> [[Answer]] {
        let start: Int64 = Self.start.milliseconds
        let hour: Int64 = 3_600_000
        var answers: [[Answer]] = []
        for (from, to) in [
            (0, 40 * hour), (hour, 2 * hour), (23 * hour, 25 * hour), (5 * hour, 5 * hour + 1), (-hour, 1),
        ] {
            for matchers in [
                [try Matcher(metricNameLabel, .equal, "m")], [try Matcher("host", .equal, "db")],
                [try Matcher("n", .equal, "0"), try Matcher("host", .equal, "odd")],
            ] {
                let found: [[SeriesData]] = try await store.load([
                    Selection(matchers: matchers, after: start + from, through: start + to)
                ])
                answers.append(
                    found[0].map {
                        Answer(labels: "\($0.labels)", times: $0.times, bits: $0.values.map(\.bitPattern))
                    }.sorted())
            }
        }
        return answers
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
