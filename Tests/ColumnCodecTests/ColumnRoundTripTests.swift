import ColumnCodec
import Compression
import Testing

extension ByteCompression {
    static let zstd = ByteCompression(
        compress: { Zstd.compress($0) }, decompress: { try? Zstd.decompress($0, atMost: $1) })
}

extension EncodedBlock {
    /// The first `rows` rows of one column.
    func column(
        _ place: Int, rows: Int, _ compression: ByteCompression? = .zstd
    ) throws(BlockError) -> DecodedColumn {
        let start: Int = place == 0 ? 0 : ends[place - 1]
        let slice: [UInt8] = Array(columns[start..<ends[place]])
        return try slice.decoded(rows: rows, of: self.rows, compression)
    }
}

extension [UInt8] {
    func decoded(rows: Int, of total: Int, _ compression: ByteCompression? = .zstd) throws(BlockError) -> DecodedColumn
    {
        let outcome: Result<DecodedColumn, BlockError> = withUnsafeBytes { bytes in
            do throws(BlockError) {
                return .success(try DecodedColumn(bytes, rows: rows, of: total, compression))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}

@Suite struct ColumnRoundTripTests {
    private func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

    /// What the rows before `end` hold of a column.
    private func head(_ column: Column, _ end: Int) -> (values: [Double], gaps: [Range<Int>]) {
        let gaps: [Range<Int>] = column.gaps.map { $0.clamped(to: 0..<end) }.filter { !$0.isEmpty }
        return (Column(values: Array(column.values[..<end]), gaps: gaps).present, gaps)
    }

    // Shows F-SV-13
    @Test(arguments: 0..<160) func everyBitComesBack(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let rows: Int = [1, 2, 3, 7, 64, 360, 1000, 2048][Int(seed % 8)]
        let columns: [Column] = (0..<4).map { _ in
            Column(values: random.column(rows), gaps: random.gaps(rows))
        }
        let times: [Int64] = (0..<rows).map { Int64($0) * 10_000_000 + Int64.random(in: 0..<5000, using: &random) }
        let compression: ByteCompression? = seed % 3 == 0 ? nil : .zstd
        let block = EncodedBlock(times: times, columns: columns, compression: compression)
        #expect(try block.times.withUnsafeBytes { try EncodedBlock.times($0, rows: rows) } == times)
        for (place, column) in columns.enumerated() {
            for end in [rows, Int.random(in: 0...rows, using: &random)] {
                let decoded: DecodedColumn = try block.column(place, rows: end)
                let expected = head(column, end)
                #expect(bits(decoded.values) == bits(expected.values))
                #expect(decoded.gaps == expected.gaps || expected.values.isEmpty)
            }
        }
    }

    @Test(arguments: [
        -0.0, 0, .nan, .signalingNaN, .infinity, -.infinity, .leastNonzeroMagnitude, .leastNormalMagnitude,
        .greatestFiniteMagnitude, .pi, 0x1p63, -0x1p63, Double(bitPattern: 0x7FF0_0000_0000_0002),
        Double(bitPattern: 0xFFF8_0000_0000_0001),
    ])
    func oddValuesKeepTheirBits(value: Double) throws {
        for others in [[1.25, 2.5, 3.75], [0.1, .pi, -7], [5, 5, 5]] {
            for place in 0...3 {
                var values: [Double] = others + others + others
                values.insert(value, at: place)
                let block = EncodedBlock(
                    times: Array(0..<Int64(values.count)), columns: [Column(values: values)], compression: .zstd)
                #expect(bits(try block.column(0, rows: values.count).values) == bits(values))
            }
        }
    }

    private static let oddTimes: [[Int64]] = [
        [.min, .max, 0, .min, .max], [.max, .max, .min], [0, .min], [.min, 0, .min, 0], [-1, .max - 1, -3],
        [Int64](repeating: 7, count: 1000),
    ]

    @Test(arguments: oddTimes)
    func timesOfAnyDistanceComeBack(times: [Int64]) throws {
        let column = Column(values: [Double](repeating: 0, count: times.count))
        let block = EncodedBlock(times: times, columns: [column], compression: nil)
        #expect(try block.times.withUnsafeBytes { try EncodedBlock.times($0, rows: times.count) } == times)
    }

    @Test func evenTimesTakeNoRoom() throws {
        let times: [Int64] = (0..<2000).map { 1_795_000_000_000_000 + $0 * 15_000_000 }
        #expect(EncodedBlock(times: times, columns: [], compression: nil).times.count < 20)
    }

    /// Bytes per value that each form is there for; it fails when the form is not chosen any more.
    @Test func eachKindOfSeriesTakesTheFormThatSuitsIt() throws {
        var random = SeededRandom(1)
        func bytesPerValue(_ values: [Double]) -> Double {
            let block = EncodedBlock(
                times: Array(0..<Int64(values.count)), columns: [Column(values: values)], compression: .zstd)
            return Double(block.columns.count) / Double(values.count)
        }
        let noise: [Double] = (0..<2000).map { _ in Double(Int.random(in: 0..<256, using: &random)) }
        var counter = 5e9
        let counters: [Double] = noise.map {
            counter += $0; return counter
        }
        #expect(bytesPerValue([Double](repeating: .pi, count: 2000)) < 0.01)
        #expect(bytesPerValue((0..<2000).map { Double($0 / 100) / 7 }) < 0.12)
        #expect(bytesPerValue((0..<2000).map { Double($0) * 0.5 }) < 0.02)
        #expect(bytesPerValue(counters) < 1.1)
        #expect(bytesPerValue(noise.map { $0 / 100 }) < 1.1)
        #expect(bytesPerValue(noise.map { $0 * 4096 }) < 1.1)
        // Few different doubles of full length in disorder: the general compressor finds them.
        #expect(bytesPerValue(noise.map { ($0 / 64).rounded(.down) / 7 }) < 1)
    }
}
