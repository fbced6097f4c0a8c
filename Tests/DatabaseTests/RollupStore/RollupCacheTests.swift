import PromQL
import Testing

@testable import Database

@Suite struct RollupCacheTests {
    private let hour: Int64 = 3_600_000

    private func key(_ series: Int) -> RollupCache.Key {
        .init(series: SeriesOfSource(source: 1, series: series), width: .minute, purpose: .lastSamples)
    }

    private func column(_ values: Int) -> RollupColumn {
        var column = RollupColumn()
        column.times = (0..<values).map(Int64.init)
        column.values = column.times.map(Double.init)
        return column
    }

    private func edition(_ generation: Int, store: String = "s") -> RollupCache.Edition {
        .init(store: store, generation: generation)
    }

    @Test func hoursWithinWhatWasReadAreKnown() {
        let cache = RollupCache(mostBytes: 1 << 20)
        cache.insert([(key(1), column(5))], 0..<(4 * hour), edition(1))
        func known(_ hours: Range<Int64>, _ key: RollupCache.Key) -> Bool {
            cache.columns([key], hours, edition(1))[0] != nil
        }
        #expect(known(0..<(4 * hour), key(1)) && known(hour..<(2 * hour), key(1)))
        #expect(!known(0..<(5 * hour), key(1)) && !known(-hour..<hour, key(1)) && !known(0..<hour, key(2)))
        var other: RollupCache.Key = key(1)
        other.purpose = .windows([.count, .sum])
        #expect(!known(0..<hour, other))
    }

    @Test func anotherGenerationOrStoreForgetsAllAndALookOfBeforeKnowsNothing() {
        let cache = RollupCache(mostBytes: 1 << 20)
        cache.insert([(key(1), column(5))], 0..<hour, edition(7))
        #expect(cache.columns([key(1)], 0..<hour, edition(6))[0] == nil)
        // What an overtaken look read may be of before.
        cache.insert([(key(2), column(5))], 0..<hour, edition(6))
        #expect(cache.columns([key(1), key(2)], 0..<hour, edition(7)).map { $0 != nil } == [true, false])
        #expect(cache.columns([key(1)], 0..<hour, edition(8))[0] == nil)
        #expect(cache.bytes == 0)
        cache.insert([(key(1), column(5))], 0..<hour, edition(8))
        #expect(cache.columns([key(1)], 0..<hour, edition(3, store: "restored"))[0] == nil)
    }

    @Test func whatIsAskedForStaysAndTheRestGoesWhenItIsFull() {
        let cache = RollupCache(mostBytes: 100_000)
        cache.insert([(key(0), column(100))], 0..<hour, edition(1))
        for number in 1...500 {
            cache.insert([(key(number), column(100))], 0..<hour, edition(1))
            #expect(cache.columns([key(0)], 0..<hour, edition(1))[0] != nil)
            #expect(cache.bytes <= 100_000 + column(100).bytes)
        }
        #expect(cache.columns([key(1)], 0..<hour, edition(1))[0] == nil)
        // More than half of it at once is not kept.
        cache.insert([(key(9999), column(100_000))], 0..<hour, edition(1))
        #expect(cache.columns([key(9999), key(0)], 0..<hour, edition(1)).map { $0 != nil } == [false, true])
    }
}
