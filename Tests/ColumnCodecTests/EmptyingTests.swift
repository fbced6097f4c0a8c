import ColumnCodec
import Testing

// Shows F-SV-12
@Suite struct EmptyingTests {
    private func block(_ seed: UInt64, columns count: Int) -> (block: EncodedBlock, columns: [Column]) {
        var random = SeededRandom(seed)
        let rows: Int = [1, 2, 64, 500][Int(seed % 4)]
        let columns: [Column] = (0..<count).map { _ in Column(values: random.column(rows), gaps: random.gaps(rows)) }
        let times: [Int64] = (0..<rows).map { Int64($0) * 10_000_000 }
        return (EncodedBlock(times: times, columns: columns, compression: .zstd), columns)
    }

    private func emptied(_ block: EncodedBlock, _ elements: Set<Int>) throws -> EmptiedColumns {
        try EmptiedColumns(
            emptying: elements, columns: block.columns, ends: block.ends, summaries: block.summaries, rows: block.rows)
    }

    private func summaries(_ bytes: [UInt8], _ block: EncodedBlock) throws -> [SeriesSummary] {
        let outcome: Result<[SeriesSummary], BlockError> = bytes.withUnsafeBytes { bytes in
            do throws(BlockError) {
                return .success(try EncodedBlock.summaries(bytes, count: block.ends.count, rows: block.rows))
            } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    @Test(arguments: 0..<40) func theOtherColumnsStayBitForBit(seed: UInt64) throws {
        let (before, columns) = block(seed, columns: 6)
        var random = SeededRandom(seed &+ 1000)
        let going = Set((0..<6).filter { _ in Bool.random(using: &random) })
        let change: EmptiedColumns = try emptied(before, going)
        #expect(change.hasChanged == going.contains { !columns[$0].present.isEmpty })
        var after: EncodedBlock = before
        (after.columns, after.ends, after.summaries) = (change.columns, change.ends, change.summaries)
        #expect(after.columns.count == after.ends.last)
        let (old, new) = (try summaries(before.summaries, before), try summaries(after.summaries, after))
        for place in 0..<6 {
            let values: [UInt64] = try after.column(place, rows: after.rows).values.map(\.bitPattern)
            #expect(values == (going.contains(place) ? [] : columns[place].present.map(\.bitPattern)))
            // As text, because a sum may be NaN.
            #expect("\(new[place])" == "\(going.contains(place) ? .none : old[place])")
        }
        // What a kill cut off after its commit is done again: nothing changes any more.
        let again: EmptiedColumns = try emptied(after, going)
        #expect(!again.hasChanged && again.columns == after.columns && again.summaries == after.summaries)
    }

    @Test func aDamagedBlockIsAnErrorAndNotATrap() throws {
        let (block, _) = block(3, columns: 3)
        for ends in [[9, 3, 12], [0, 1, Int.max], [-1, 2, 3]] {
            #expect(throws: BlockError.self) {
                try EmptiedColumns(
                    emptying: [0], columns: block.columns, ends: ends, summaries: block.summaries, rows: block.rows)
            }
        }
        #expect(throws: BlockError.self) {
            try EmptiedColumns(
                emptying: [0], columns: block.columns, ends: block.ends, summaries: [], rows: block.rows)
        }
    }
}
