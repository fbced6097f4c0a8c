import ColumnCodec
import Telemetry

extension PostgresConnection {
    /// For each layout that a source has used, the series of its elements.
    func layouts(of source: Int) throws(DatabaseError) -> [Int: [Int]] {
        let result: SQLResult = try execute(
            "SELECT id, series FROM layouts WHERE id IN (SELECT layout FROM source_layouts WHERE source = $1)",
            [.integer(source)])
        var layouts: [Int: [Int]] = [:]
        for row in result.rows { layouts[try row.int("id")] = row["series"].integers?.compactMap { $0 } }
        return layouts
    }

    /// The frames of a source in a table, from `start` (included) to `end` (not included).
    func frames(
        in table: String, _ source: Int, _ start: Timestamp, _ end: Timestamp
    ) throws(DatabaseError) -> [SealRow] {
        let result: SQLResult = try execute(
            """
            SELECT layout, time, ingest_seq, values, stale FROM \(table)
            WHERE source = $1 AND time >= $2 AND time < $3
            """, [.integer(source), .time(start), .time(end)], format: .binary)
        var rows: [SealRow] = []
        rows.reserveCapacity(result.rows.count)
        for row in result.rows {
            var values: [Double?] = []
            guard let layout = row[0].int, let time = row[1].time, let sequence = row[2].int,
                row[3].forEachDouble({ values.append($1) })
            else {
                throw DatabaseError(.usage, "a frame of \(table) cannot be read", operation: "seal \(table)")
            }
            if let stale = row[4].raw?.dropFirst(4) {
                for place in values.indices where Self.bit(place, of: stale) { values[place] = .staleMarker }
            }
            rows.append(SealRow(layout: layout, time: time.microseconds, sequence: sequence, values: values))
        }
        return rows
    }

    private static func bit(_ position: Int, of bytes: ArraySlice<UInt8>) -> Bool {
        let place: Int = bytes.startIndex + position / 8
        return place < bytes.endIndex && bytes[place] & (0x80 >> UInt8(position % 8)) != 0
    }

    /// The rows of a source's blocks in a table, from `start` (included) to `end` (not included).
    func rows(
        in table: String, _ source: Int, _ start: Timestamp, _ end: Timestamp, _ compression: ByteCompression?
    ) throws -> [SealRow] {
        let result: SQLResult = try execute(
            """
            SELECT layout, rows, ingest_seq, version, ends, times, columns FROM \(table)
            WHERE source = $1 AND last_time >= $2 AND from_time < $3
            """, [.integer(source), .time(start), .time(end)], format: .binary)
        var rows: [SealRow] = []
        for row in result.rows {
            try EncodedBlock.check(version: try row.int("version"))
            let count: Int = try row.int("rows")
            let ends: [Int] = (row["ends"].integers ?? []).compactMap { $0 }
            let (times, columns): ([Int64], [UInt8]) = (
                try row.bytes("times").decodedTimes(rows: count), try row.bytes("columns")
            )
            let range: Range<Int> =
                (times.firstIndex { $0 >= start.microseconds } ?? count)..<count
            let wanted: Range<Int> = range.lowerBound..<(times[range].firstIndex { $0 >= end.microseconds } ?? count)
            let base: Int = rows.count
            let (layout, sequence): (Int, Int) = (try row.int("layout"), try row.int("ingest_seq"))
            for place in wanted {
                rows.append(
                    SealRow(
                        layout: layout, time: times[place], sequence: sequence,
                        values: [Double?](repeating: nil, count: ends.count)))
            }
            for element in ends.indices {
                let slice: ArraySlice<UInt8> = try EncodedBlock.slice(element, of: columns, ends)
                let decoded: DecodedColumn = try slice.decoded(rows: wanted.upperBound, of: count, compression)
                decoded.forEach(in: wanted) { rows[base + $0 - wanted.lowerBound].values[element] = $1 }
            }
        }
        return rows
    }

    func insert(_ block: SealedBlock, into table: String) throws(DatabaseError) {
        _ = try execute(
            """
            INSERT INTO \(table) (source, layout, from_time, last_time, rows, version, ingest_seq, ends, times,
                summaries, columns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                .integer(block.source), .integer(block.layout), .time(block.from), .time(block.last),
                .integer(block.content.rows), .integer(EncodedBlock.version), .integer(block.sequence),
                .integerArray(block.content.ends), .bytes(block.content.times), .bytes(block.content.summaries),
                .bytes(block.content.columns),
            ])
    }
}

extension EncodedBlock {
    static func check(version: Int) throws(BlockError) {
        guard version == Self.version else {
            throw BlockError("it is of version \(version), and this program knows version \(Self.version); update it")
        }
    }

    /// The bytes of one column.
    static func slice(_ element: Int, of columns: [UInt8], _ ends: [Int]) throws(BlockError) -> ArraySlice<UInt8> {
        let start: Int = element == 0 ? 0 : ends[element - 1]
        guard start >= 0, start <= ends[element], ends[element] <= columns.count else {
            throw BlockError("its columns overlap")
        }
        return columns[start..<ends[element]]
    }
}

extension DecodedColumn {
    /// The rows of `wanted`, up to the last that was decoded, that have a value.
    func forEach(in wanted: Range<Int>, _ visit: (_ row: Int, _ value: Double) -> Void) {
        var (row, gap) = (0, 0)
        for value in values {
            while gap < gaps.count, gaps[gap].lowerBound == row {
                row = gaps[gap].upperBound
                gap += 1
            }
            if row >= wanted.lowerBound { visit(row, value) }
            row += 1
        }
    }
}
