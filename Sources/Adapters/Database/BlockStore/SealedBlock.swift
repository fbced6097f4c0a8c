import ColumnCodec
import Telemetry

/// A row of a table of blocks.
struct SealedBlock: Sendable {
    var source: Int
    var layout: Int
    var from: Timestamp
    var last: Timestamp
    var sequence: Int
    var content: EncodedBlock

    /// How many values of series it holds.
    private(set) var samples = 0

    /// Blocks of one layout's rows, in order of time, of about even length.
    static func blocks(
        of rows: [SealRow], source: Int, width: Int, _ compression: ByteCompression?, _ pace: SealPace
    ) async throws -> [SealedBlock] {
        let count: Int = (rows.count + BlockLimits.rowsWritten - 1) / BlockLimits.rowsWritten
        var blocks: [SealedBlock] = []
        for number in 0..<count {
            let range: Range<Int> = (number * rows.count / count)..<((number + 1) * rows.count / count)
            var block = SealedBlock(rows[range], source: source)
            for element in 0..<width {
                try block.append(Self.column(element, rows[range]), compression)
                try await pace()
            }
            blocks.append(block)
        }
        return blocks
    }

    /// `rows` of one layout; not empty. Its series are to come.
    private init(_ rows: ArraySlice<SealRow>, source: Int) {
        self.source = source
        let first: SealRow = rows[rows.startIndex]
        layout = first.layout
        from = Timestamp(microseconds: first.time)
        last = Timestamp(microseconds: rows[rows.endIndex - 1].time)
        sequence = rows.reduce(first.sequence) { max($0, $1.sequence) }
        content = EncodedBlock(times: rows.map(\.time), compression: nil)
    }

    /// Throws where what was encoded does not decode to the same bits, which would be a bug of ours: the frames are then
    /// kept.
    private mutating func append(_ column: Column, _ compression: ByteCompression?) throws(BlockError) {
        let start: Int = content.columns.count
        content.append(column, compression)
        let present: [Double] = column.present
        samples += present.count
        let decoded: DecodedColumn = try content.columns[start...].decoded(
            rows: content.rows, of: content.rows, compression)
        let isSame: Bool =
            decoded.values.count == present.count
            && zip(decoded.values, present).allSatisfy { $0.bitPattern == $1.bitPattern }
        guard isSame else { throw BlockError("a column of layout \(layout) does not come back as it was") }
    }

    private static func column(_ element: Int, _ rows: ArraySlice<SealRow>) -> Column {
        var values: [Double] = []
        values.reserveCapacity(rows.count)
        var gaps: [Range<Int>] = []
        for row in rows {
            let place: Int = values.count
            if element < row.values.count, let value = row.values[element] {
                values.append(value)
                continue
            }
            values.append(0)
            if let last = gaps.last, last.upperBound == place {
                gaps[gaps.count - 1] = last.lowerBound..<(place + 1)
            } else {
                gaps.append(place..<(place + 1))
            }
        }
        return Column(values: values, gaps: gaps)
    }
}

extension ArraySlice<UInt8> {
    /// See ``DecodedColumn/init(_:rows:of:_:)``.
    func decoded(
        rows: Int, of total: Int, _ compression: ByteCompression?
    ) throws(BlockError) -> DecodedColumn {
        let outcome: Result<DecodedColumn, BlockError> = unsafe withUnsafeBytes { bytes in
            do throws(BlockError) {
                return .success(unsafe try DecodedColumn(bytes, rows: rows, of: total, compression))
            } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

extension [UInt8] {
    /// The times of a block's rows, in microseconds; see ``EncodedBlock/times(_:rows:)``.
    func decodedTimes(rows: Int) throws(BlockError) -> [Int64] {
        let outcome: Result<[Int64], BlockError> = unsafe withUnsafeBytes { bytes in
            do throws(BlockError) { return .success(unsafe try EncodedBlock.times(bytes, rows: rows)) } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// The summaries of a block's first series; see ``EncodedBlock/summaries(_:count:rows:)``.
    func decodedSummaries(count: Int, rows: Int) throws(BlockError) -> [SeriesSummary] {
        let outcome: Result<[SeriesSummary], BlockError> = unsafe withUnsafeBytes { bytes in
            do throws(BlockError) {
                return .success(unsafe try EncodedBlock.summaries(bytes, count: count, rows: rows))
            } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}
