import ColumnCodec
import Testing

@Suite struct SeriesSummaryTests {
    private func decoded(_ columns: [Column]) throws -> [SeriesSummary] {
        let rows: Int = columns[0].values.count
        let block = EncodedBlock(times: Array(0..<Int64(rows)), columns: columns, compression: nil)
        return try block.summaries.withUnsafeBytes {
            try EncodedBlock.summaries($0, count: columns.count, rows: rows)
        }
    }

    @Test func aSummaryTellsOfTheNumbersThatAreThere() throws {
        let stale = Double(bitPattern: 0x7FF0_0000_0000_0002)
        let summaries: [SeriesSummary] = try decoded([
            Column(values: [1.5, 2.25, -3, 7], gaps: [3..<4]), Column(values: [stale, 0.1, 0.2, stale]),
            Column(values: [0, 0, 0, 0], gaps: [0..<4]), Column(values: [5, 5, 5, .nan]),
            Column(values: [1, .infinity, 2, 3]), Column(values: [-0.0, -0.0, -0.0, -0.0]),
        ])
        #expect(
            summaries == [
                SeriesSummary(count: 3, first: 1.5, last: -3, least: -3, greatest: 2.25, sum: 0.75),
                SeriesSummary(count: 2, first: 0.1, last: 0.2, least: 0.1, greatest: 0.2, sum: 0.1 + 0.2),
                .none, SeriesSummary(count: 3, first: 5, last: 5, least: 5, greatest: 5, sum: 15),
                SeriesSummary(count: 4, first: 1, last: 3, least: 1, greatest: .infinity, sum: .infinity),
                SeriesSummary(count: 4, first: 0, last: 0, least: 0, greatest: 0, sum: 0),
            ])
        #expect(summaries[5].first.sign == .minus)
    }

    @Test(arguments: 0..<100) func whatIsWrittenIsReadAgain(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let columns: [Column] = (0..<5).map { _ in Column(values: random.column(300), gaps: random.gaps(300)) }
        let expected: [SeriesSummary] = columns.map { SeriesSummary($0.present) }
        func bits(_ summary: SeriesSummary) -> [UInt64] {
            [summary.first, summary.last, summary.least, summary.greatest, summary.sum].map(\.bitPattern)
        }
        #expect(try decoded(columns).map(\.count) == expected.map(\.count))
        #expect(try decoded(columns).map(bits) == expected.map(bits))
    }

    /// A million times 0.1 is 100000.00000133288 when it is simply added up.
    @Test func sumsDoNotWander() {
        let sum: Double = SeriesSummary([Double](repeating: 0.1, count: 1_000_000)).sum
        #expect(sum == 100_000)
    }
}
