import ColumnCodec
import Testing

/// A decoder meets bytes that a disk has changed. It throws or gives some values; it never traps, and never gives more
/// than was asked for.
@Suite struct BlockDamageTests {
    private func check(_ bytes: [UInt8], rows: Int, of total: Int) {
        do throws(BlockError) {
            let decoded: DecodedColumn = try bytes.decoded(rows: rows, of: total)
            #expect(decoded.values.count + decoded.gaps.reduce(0) { $0 + $1.count } == rows)
        } catch { #expect(!error.reason.isEmpty) }
        _ = try? bytes.withUnsafeBytes { try EncodedBlock.times($0, rows: max(total, 1)) }
        _ = try? bytes.withUnsafeBytes { try EncodedBlock.summaries($0, count: 20, rows: total) }
    }

    @Test(arguments: 0..<40) func damagedColumnsDoNotTrap(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let rows: Int = [1, 5, 100, 1024][Int(seed % 4)]
        let column = Column(values: random.column(rows), gaps: random.gaps(rows))
        let block = EncodedBlock(times: Array(0..<Int64(rows)), columns: [column], compression: .zstd)
        for original in [block.columns, block.times, block.summaries] {
            for _ in 0..<60 {
                var bytes: [UInt8] = original
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    // The first bytes decide most.
                    let near: Int = Bool.random(using: &random) ? min(bytes.count, 8) : bytes.count
                    bytes[Int.random(in: 0..<near, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
                check(bytes, rows: rows, of: rows)
                check(bytes, rows: rows / 2, of: rows)
            }
        }
    }

    @Test(arguments: 0..<40) func anyBytesDoNotTrap(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<200 {
            let count: Int = Int.random(in: 0..<60, using: &random)
            var bytes: [UInt8] = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            if count > 2 {
                bytes[0] = UInt8.random(in: 0...6, using: &random) | (Bool.random(using: &random) ? 0x80 : 0)
            }
            check(bytes, rows: 1000, of: 1000)
        }
    }

    @Test func moreRowsThanABlockHoldsAreRefused() {
        let constant: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(throws: Never.self) { try constant.decoded(rows: 65_536, of: 65_536) }
        #expect(throws: BlockError.self) { try constant.decoded(rows: 65_537, of: 65_537) }
        #expect(throws: BlockError.self) { try constant.decoded(rows: 2, of: 1) }
    }

    @Test func aCompressedColumnNeedsItsDecompressor() throws {
        let values: [Double] = (0..<2000).map { Double($0 * $0 % 7) / 7 }
        let block = EncodedBlock(times: Array(0..<2000), columns: [Column(values: values)], compression: .zstd)
        #expect(block.columns[0] == 6)
        #expect(throws: BlockError("it is compressed, and no decompressor was given")) {
            try block.column(0, rows: 2000, nil)
        }
    }
}
