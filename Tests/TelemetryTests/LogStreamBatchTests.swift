import Telemetry
import Testing

@Suite struct LogStreamBatchTests {
    private func batch(_ places: [Int], end: Int) -> LogStreamBatch {
        LogStreamBatch(
            stream: "s", origin: LogOrigin(source: "x"),
            lines: places.map { .init(place: $0, line: nil) }, end: end)
    }

    // Shows F-AG-18
    @Test(arguments: [
        // Nothing is known yet; everything is known; known up to a line; blank bytes at the end; a gap before.
        ([0, 10, 20], 30, 0, [0, 10, 20], 0, 30), ([0, 10, 20], 30, 30, [], 3, 30),
        ([0, 10, 20], 30, 10, [10, 20], 1, 30),
        ([0, 10, 20], 30, 40, [], 3, 40), ([50, 60], 70, 30, [50, 60], 0, 70), ([], 30, 10, [], 0, 30),
        // The position is within a line: begin anew there.
        ([0, 10, 20], 30, 14, [], 1, 14), ([0], 30, 14, [], 0, 14),
    ])
    func whatIsNewBeginsAtThePosition(
        places: [Int], end: Int, position: Int, news: [Int], duplicates: Int, after: Int
    ) {
        let found = batch(places, end: end).news(after: position)
        #expect(found.lines.map(\.place) == news)
        #expect(found.duplicates == duplicates)
        #expect(found.position == after)
    }
}
