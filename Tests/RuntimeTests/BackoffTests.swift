import Runtime
import Testing

@Suite struct BackoffTests {
    private let backoff = Backoff(initial: .milliseconds(100), cap: .seconds(10))

    @Test func waitsDoubleUpToTheCap() {
        let waits: [Int64] = (1...9).map { backoff.delay(attempt: $0, random: 0).inMilliseconds }
        #expect(waits == [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000])
    }

    @Test func anyCountOfAttemptsHasAWait() {
        for attempt in [Int.min, -1, 0, 1, 1000, Int.max] {
            let wait: Duration = backoff.delay(attempt: attempt, random: 0.999)
            #expect(wait >= .milliseconds(50) && wait <= .seconds(10))
        }
    }

    // Shows W-A-24
    @Test func jitterSpreadsOverHalfOfEachWait() {
        var generator = SystemRandomNumberGenerator()
        let waits: [Double] = (0..<1000).map { _ in backoff.delay(attempt: 4, using: &generator).inSeconds }
        #expect(waits.allSatisfy { $0 > 0.4 - 1e-9 && $0 <= 0.8 + 1e-9 })
        #expect((waits.min() ?? 1) < 0.5)
        #expect((waits.max() ?? 0) > 0.7)
        #expect(Set(waits).count > 900)
    }
}
