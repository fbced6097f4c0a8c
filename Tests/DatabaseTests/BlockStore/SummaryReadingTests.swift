import PromQL
import Telemetry
import TestSupport
import Testing

@testable import Database

/// One window over sealed samples is answered by what blocks say of themselves, and as the samples would.
@Suite struct SummaryReadingTests {
    private let start: Timestamp = SealingWorld.start
    private let series: [Series] = ["counter", "percent", "constant", "gaps"].map { Series("x", ["n": $0]) }

    /// Forty hours of three hosts; the last series is absent, ends and is no number now and then.
    private func sealed(seed: UInt64) async throws -> SealingWorld {
        let world = try await SealingWorld()
        let past = FrameStore(pool: world.database.pool, compression: .zstd) { SealingWorld.now }
        var random = SeededNumbers(seed)
        for host in ["web", "db", "mail"] {
            var batch = FrameBatch(source: Source(host: host, producer: "p"), series: series, frames: [])
            var counter = 0.0
            var time: Timestamp = start
            while time < start + .hours(40) {
                counter += Double(Int.random(in: 0..<1000, using: &random))
                var values: [Double?] = [
                    counter, Double(Int.random(in: 0...10_000, using: &random)) / 100, 7, counter / 3,
                ]
                switch Int.random(in: 0..<200, using: &random) {
                case 0: values[3] = nil
                case 1: values[3] = .staleMarker
                case 2: values[3] = host == "db" ? .nan : .infinity
                default: break
                }
                batch.frames.append(Frame(time: time, values: values))
                time = time + .seconds(30) + .milliseconds(Int64.random(in: 0..<3, using: &random))
            }
            _ = try await past.store([batch])
        }
        try await world.sealEverything()
        return world
    }

    private let windows: [String] = [
        "sum_over_time(x[30h])", "avg_over_time(x[39h])", "min_over_time(x[25h])", "max_over_time(x[33h])",
        "count_over_time(x[31h])", "topk(2, avg_over_time(x[1d] offset 3h7m))", "increase(x{n=\"counter\"}[30h])",
        "last_over_time(x[20h])", "stddev_over_time(x[20h])",
    ]

    private func answer(
        _ text: String, at time: Timestamp, _ store: FrameStore, bySamples: Bool
    ) async throws -> [String: Double] {
        let expression = try PromQL.parse(text)
        var selections: [Selection] = expression.selections(over: .instant(time))
        if bySamples { for place in selections.indices { selections[place].buckets = nil } }
        let result = try expression.evaluate(over: .instant(time), data: try await store.load(selections))
        guard case .vector(let elements) = result else { return [:] }
        return Dictionary(uniqueKeysWithValues: elements.map { ("\($0.labels)", $0.sample.value) })
    }

    private func expectSame(_ text: String, at time: Timestamp, _ store: FrameStore) async throws {
        let plain: [String: Double] = try await answer(text, at: time, store, bySamples: true)
        let other: [String: Double] = try await answer(text, at: time, store, bySamples: false)
        #expect(!plain.isEmpty && Set(plain.keys) == Set(other.keys), "\(text) at \(time)")
        for (key, value) in plain {
            let found: Double = other[key] ?? .nan
            let isNear: Bool =
                value.isNaN ? found.isNaN : value == found || abs(value - found) <= 1e-9 * max(1, abs(value))
            #expect(isNear, "\(text) at \(time): \(key) is \(value), by summaries \(found)")
        }
    }

    private func expectSame(_ store: FrameStore, seed: UInt64) async throws {
        var random = SeededNumbers(seed)
        for text in windows {
            let random = start + .milliseconds(Int64.random(in: (35 * 3_600_000)...(45 * 3_600_000), using: &random))
            for time in [random, start + .hours(40)] { try await expectSame(text, at: time, store) }
        }
    }

    // Shows F-SV-13
    @Test(arguments: [1, 2] as [UInt64])
    func `summaries of blocks answer one window as the samples do, beside rollups and late samples too`(
        seed: UInt64
    ) async throws {
        let world = try await sealed(seed: seed)
        try await expectSame(world.store, seed: seed)
        // Rollups of the first half.
        let leadership = try #require(
            try await LeaderStore(pool: world.database.pool).lead("rollups", holder: "test", for: .hours(1)))
        let edge: Timestamp = start + .hours(20)
        _ = try await world.store.rollups.state(now: start - .days(3))
        try await world.store.rollups.advance(to: edge, under: leadership)
        while case let marks = try await world.store.rollups.marks(before: edge, atMost: 100), !marks.isEmpty {
            for mark in marks {
                _ = try await world.store.rollups.make([mark.source], hour: mark.hour, under: leadership)
            }
        }
        try await expectSame(world.store, seed: seed + 10)
        // A later value takes the place of one in the midst of a block.
        let frames: [Frame] = (0..<50).map {
            Frame(time: start + .hours(26) + .minutes($0), values: [1e12, -5, 1e9, 3])
        }
        _ = try await world.store.store([
            FrameBatch(source: Source(host: "web", producer: "p"), series: series, frames: frames)
        ])
        try await expectSame(world.store, seed: seed + 20)
        // A second source whose series have the same labels.
        _ = try await world.store.store([
            FrameBatch(
                source: Source(host: "db", producer: "q"),
                series: series.map { Series($0.name, $0.labels.setting("job", to: "p")) }, frames: frames)
        ])
        try await world.sealEverything()
        try await expectSame(world.store, seed: seed + 30)
    }

    // Shows F-SV-13
    @Test func `blocks that lie in a window are not decoded`() async throws {
        let world = try await sealed(seed: 3)
        let end: Timestamp = start + .hours(41)
        let texts: [String] = ["sum", "avg", "min", "max", "count"].map {
            "\($0)_over_time(x{n!=\"gaps\"}[48h])"
        }
        var before: [[String: Double]] = []
        for text in texts { before.append(try await answer(text, at: end, world.store, bySamples: true)) }
        let tables: [String] = try await world.blocks.tables().map(\.name)
        for table in tables {
            try await world.database.superuser(
                "UPDATE plumbline.\(table) SET columns = decode(repeat('ff', length(columns)), 'hex')")
        }
        for (text, expected) in zip(texts, before) {
            await #expect(throws: (any Error).self, "the columns are damaged") {
                try await answer(text, at: end, world.store, bySamples: true)
            }
            let found: [String: Double] = try await answer(text, at: end, world.store, bySamples: false)
            #expect(found.count == 9 && Set(found.keys) == Set(expected.keys), "\(text)")
            for (key, value) in expected {
                #expect(abs(value - (found[key] ?? .nan)) <= 1e-9 * abs(value), "\(text): \(key)")
            }
        }
        // A window that ends within a block needs its values.
        await #expect(throws: (any Error).self) {
            try await answer(texts[0], at: start + .hours(39), world.store, bySamples: false)
        }
    }
}
