import ColumnCodec
import PromQL
import Telemetry

/// Reads what a plan wants of a selection's time from a table, be it of frames or of blocks.
struct SampleQuery: Sendable {
    private let plan: ReadPlan
    private let selection: Selection
    private let compression: ByteCompression?
    private let mostSamples: Int
    private let columns: [ColumnRange]
    /// In order.
    private let sources: [Int]

    init(_ plan: ReadPlan, _ selection: Selection, _ compression: ByteCompression?, mostSamples: Int) {
        self.plan = plan
        self.selection = selection
        self.compression = compression
        self.mostSamples = mostSamples
        sources = plan.sources
        columns = plan.elements.sorted { ($0.key.source, $0.key.layout) < ($1.key.source, $1.key.layout) }.flatMap {
            pair, elements in
            ColumnRange.ranges(of: elements.map(\.position)).map { ColumnRange(pair: pair, range: $0) }
        }
    }

    /// With summaries, blocks that lie in the selection's time as a whole are not decoded where ``add(_:of:to:)`` need
    /// not.
    func statement(_ content: PartitionContent, withSummaries: Bool = false) -> String {
        guard content.isSealed else { return plan.statement(content.table) }
        // Columns are stored as they are, so only the pages of those that are wanted are read.
        return """
            SELECT wanted.source, wanted.layout, wanted.first, rows, version, ingest_seq, times,
                ends[wanted.first + 1 : wanted.last + 1] AS ends, coalesce(ends[wanted.first], 0) AS start,
                substr(columns, coalesce(ends[wanted.first], 0) + 1,
                    ends[wanted.last + 1] - coalesce(ends[wanted.first], 0)) AS columns,
                \(withSummaries ? "summaries" : "NULL::bytea") AS summaries
            FROM unnest($1::int[], $2::int[], $3::int[], $4::int[]) AS wanted (source, layout, first, last)
            JOIN \(content.table) AS block USING (source, layout)
            WHERE last_time > $5::timestamptz AND from_time < $6::timestamptz
            ORDER BY from_time
            """
    }

    func parameters(_ content: PartitionContent) -> [SQLValue] { parameters(content, sources[...]) }

    /// The same in two halves of the sources, where that is worth a second connection: else in one.
    func parts(_ content: PartitionContent) -> [[SQLValue]] {
        // As if everybody reported every ten seconds.
        let rows: Int64 = Int64(sources.count) * (selection.through - selection.after) / 10_000
        guard sources.count > 1, rows > Self.worthTwo else { return [parameters(content)] }
        let half: Int = sources.count / 2
        return [parameters(content, sources[..<half]), parameters(content, sources[half...])]
    }

    private static let worthTwo: Int64 = 5000

    private func parameters(_ content: PartitionContent, _ sources: ArraySlice<Int>) -> [SQLValue] {
        guard content.isSealed else { return plan.parameters(selection, sources) }
        let chosen: ClosedRange<Int> = (sources.first ?? 0)...(sources.last ?? 0)
        let columns: [ColumnRange] = self.columns.filter { chosen.contains($0.pair.source) }
        return [
            .integerArray(columns.map(\.pair.source)), .integerArray(columns.map(\.pair.layout)),
            .integerArray(columns.map(\.range.lowerBound)), .integerArray(columns.map { $0.range.upperBound - 1 }),
        ] + selection.bounds
    }

    func add<Key>(_ result: SQLResult, of content: PartitionContent, to assembly: inout SeriesAssembly<Key>) throws {
        guard content.isSealed else { return try assembly.add(result, mostSamples: mostSamples) }
        for row in result.rows {
            let part: BlockPart
            do { part = try BlockPart(row, selection) } catch let error as BlockError {
                throw Self.unreadable(error, row, content.table)
            }
            do { try add(part, to: &assembly) } catch let error as BlockError {
                throw Self.unreadable(error, row, content.table)
            }
        }
    }

    private func add<Key>(_ part: BlockPart, to assembly: inout SeriesAssembly<Key>) throws {
        guard let elements = plan.elements[part.pair], !part.wanted.isEmpty else { return }
        let summaries: [SeriesSummary] = try part.summaries()
        for (index, element) in elements.enumerated() {
            guard let slice = try part.column(element.position) else { continue }
            if summaries.indices.contains(element.position), summaries[element.position].count == part.rows {
                // A number in each row: nothing is missing or ended, and no NaN that a sum would show.
                assembly.add(part.pair, element: index, Bucket(summaries[element.position], part.times))
                continue
            }
            let column: DecodedColumn = try slice.decoded(rows: part.wanted.upperBound, of: part.rows, compression)
            try add(column, part, index, to: &assembly)
        }
    }

    private func add<Key>(
        _ column: DecodedColumn, _ part: BlockPart, _ index: Int, to assembly: inout SeriesAssembly<Key>
    ) throws(PromQLError) {
        guard !column.gaps.isEmpty else {
            return try assembly.add(
                part.pair, element: index, part.times[part.wanted], column.values[part.wanted],
                sequence: part.sequence, mostSamples: mostSamples)
        }
        var (times, values): ([Int64], [Double]) = ([], [])
        column.forEach(in: part.wanted) { row, value in
            times.append(part.times[row])
            values.append(value)
        }
        try assembly.add(
            part.pair, element: index, times, values, sequence: part.sequence, mostSamples: mostSamples)
    }

    private static func unreadable(_ error: BlockError, _ row: SQLRow, _ table: String) -> DatabaseError {
        DatabaseError(
            .usage, "\(error)", operation: "read source \(row[0].int ?? 0), layout \(row[1].int ?? 0) of \(table)",
            hint: "the table is damaged, or was written by a newer version; restore it from a backup")
    }
}

/// Neighbouring columns of a source's blocks of one layout, which are read together.
private struct ColumnRange: Sendable {
    var pair: ReadPlan.Pair
    var range: Range<Int>

    /// Columns that lie between and are read with them, rather than with a look at the table of their own.
    private static let mostBetween = 4

    /// `positions` in few ranges.
    static func ranges(of positions: [Int]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for position in positions.sorted() {
            if let last = ranges.last, position <= last.upperBound + mostBetween {
                ranges[ranges.count - 1] = last.lowerBound..<max(position + 1, last.upperBound)
            } else {
                ranges.append(position..<(position + 1))
            }
        }
        return ranges
    }
}

/// Some columns of one block, and the rows of it that lie in a selection's time.
private struct BlockPart {
    let pair: ReadPlan.Pair
    let rows: Int
    let sequence: Int
    /// Of all rows, in milliseconds.
    let times: [Int64]
    let wanted: Range<Int>
    private let first: Int
    private let start: Int
    private let ends: [Int]
    private let columns: ArraySlice<UInt8>
    /// Of all series of the block; nil where they were not asked for.
    private let summaryBytes: [UInt8]?

    init(_ row: SQLRow, _ selection: Selection) throws {
        pair = ReadPlan.Pair(source: try row.int("source"), layout: try row.int("layout"))
        try EncodedBlock.check(version: try row.int("version"))
        rows = try row.int("rows")
        sequence = try row.int("ingest_seq")
        times = try row.bytes("times").decodedTimes(rows: rows).map { Timestamp(microseconds: $0).milliseconds }
        let begin: Int = Self.firstIndex(after: selection.after, times)
        wanted = begin..<max(begin, Self.firstIndex(after: selection.through, times))
        first = try row.int("first")
        start = try row.int("start")
        ends = (row["ends"].integers ?? []).compactMap { $0 }
        columns = row["columns"].raw ?? []
        summaryBytes = row["summaries"].raw.map { Array($0) }
    }

    /// The first place whose time is later; times rise.
    private static func firstIndex(after time: Int64, _ times: [Int64]) -> Int {
        var (low, high): (Int, Int) = (0, times.count)
        while low < high {
            let middle: Int = (low + high) / 2
            if times[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Those of the series up to the last of this part; empty where they were not asked for, or say more than is wanted.
    func summaries() throws(BlockError) -> [SeriesSummary] {
        guard let summaryBytes, wanted == times.indices else { return [] }
        return try summaryBytes.decodedSummaries(count: first + ends.count, rows: rows)
    }

    /// The bytes of the column at a position of the layout; nil where this part does not have it.
    func column(_ position: Int) throws(BlockError) -> ArraySlice<UInt8>? {
        let place: Int = position - first
        guard ends.indices.contains(place) else { return nil }
        let from: Int = place == 0 ? 0 : ends[place - 1] - start
        let to: Int = ends[place] - start
        guard from >= 0, from <= to, to <= columns.count else { throw BlockError("its columns overlap") }
        return columns[(columns.startIndex + from)..<(columns.startIndex + to)]
    }
}

extension Bucket {
    /// A block's values of one series, a number in each of its rows. What resets hid is not known.
    fileprivate init(_ summary: SeriesSummary, _ times: [Int64]) {
        self.init(end: times[times.count - 1])
        count = summary.count
        (sum, min, max) = (summary.sum, summary.least, summary.greatest)
        (first, firstTime) = (summary.first, times[0])
        (last, lastTime) = (summary.last, end)
    }
}
