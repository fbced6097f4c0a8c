/// A block: series that were reported together, over rows that share their times.
package struct EncodedBlock: Hashable, Sendable {
    /// The version of the bytes, which is stored beside them.
    package static let version = 1

    package private(set) var rows: Int
    /// The times of the rows.
    package var times: [UInt8]
    /// The columns one after the other.
    package var columns: [UInt8] = []
    /// Where each column ends in ``columns``, so that one can be read without the others.
    package var ends: [Int] = []
    /// What is known of each series without decoding it.
    package var summaries: [UInt8] = []

    /// Encodes rows in rising order of time (in microseconds) and the values of each series in them.
    ///
    /// At most ``BlockLimits/rows`` rows, at least one; each column has as many values.
    package init(times: [Int64], columns: [Column] = [], compression: ByteCompression?) {
        precondition((1...BlockLimits.rows).contains(times.count), "a block of \(times.count) rows")
        rows = times.count
        self.times = IntegerSequence.encode(times)
        for column in columns { append(column, compression) }
    }

    /// Adds the next column, with a value for each row.
    package mutating func append(_ column: Column, _ compression: ByteCompression?) {
        precondition(column.values.count == rows, "a column of another length than its times")
        columns += column.encoded(compression)
        ends.append(columns.count)
        var summary = ByteWriter()
        SeriesSummary(column.present).write(to: &summary)
        summaries += summary.bytes
    }

    /// Bytes of all parts.
    package var size: Int { times.count + columns.count + summaries.count + ends.count * 4 }

    // MARK: Decoding the parts

    /// The times of a block's rows, in microseconds.
    package static func times(_ bytes: UnsafeRawBufferPointer, rows: Int) throws(BlockError) -> [Int64] {
        guard (1...BlockLimits.rows).contains(rows) else { throw BlockError("\(rows) rows") }
        var reader = ByteReader(bytes)
        var failure: BlockError?
        let times: [Int64] = [Int64](unsafeUninitializedCapacity: rows) { buffer, count in
            do throws(BlockError) {
                try IntegerSequence.decode(
                    &reader, count: rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<rows]))
                count = rows
            } catch { failure = error }
        }
        if let failure { throw failure }
        return times
    }

    /// The summaries of the first `count` series of a block.
    package static func summaries(
        _ bytes: UnsafeRawBufferPointer, count: Int, rows: Int
    ) throws(BlockError) -> [SeriesSummary] {
        var reader = ByteReader(bytes)
        var summaries: [SeriesSummary] = []
        for _ in 0..<count { summaries.append(try SeriesSummary(&reader, rows: rows)) }
        return summaries
    }
}
