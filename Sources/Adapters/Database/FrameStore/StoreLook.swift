import PromQL
import Telemetry

/// What one statement says of the store before anything is read: whether series were registered that this process does
/// not know, which tables hold the time in question, and which hours have rollups. All of it is of one moment.
struct StoreLook: Sendable {
    /// Of the database; a restored one has another.
    var store: String
    /// Transactions below it are finished.
    var horizon: UInt64
    /// Whether pairs of source and layout were registered at or after the horizon that the look was taken with.
    var hasNewPairs: Bool
    /// The tables of frames and blocks that together hold every sample of the time once, in order of time.
    var tables: [SampleTable]
    var rollups: Rollups

    struct SampleTable: Hashable, Sendable {
        var content: PartitionContent
        /// Milliseconds since 1970; nil for any time.
        var span: Range<Int64>?

        func overlaps(_ other: SampleTable) -> Bool {
            guard let span, let theirs = other.span else { return true }
            return span.overlaps(theirs)
        }
    }

    struct Rollups: Sendable {
        /// Hours before it have rollups; nil before any was closed.
        var closed: Int64?
        /// Of hours before `closed`: those in the time whose rollups are not of all samples.
        var marked: Set<Int64> = []
        /// Counted up when an hour before `closed` was made anew.
        var generation = 0
        /// By width the tables that overlap the time, in order of it.
        var tables: [BucketWidth: [String]] = [:]
        /// By width where the rollups begin.
        var oldest: [BucketWidth: Int64] = [:]
        /// Where samples begin: before it rollups are all that there is.
        var samples: Int64?
    }
}

extension StoreLook {
    /// The tables in question overlap the time between two instants, rounded to hours.
    static func take(
        after: Timestamp, before: Timestamp, knownHorizon: UInt64, on connection: isolated PostgresConnection
    ) throws(DatabaseError) -> StoreLook {
        let result: SQLResult = try connection.prepared(
            statement, [.text("\(knownHorizon)"), .time(after), .time(before)])
        return try StoreLook(result.only())
    }

    /// Times in milliseconds since 1970, as texts that need no parser of dates.
    private static let statement = """
        WITH readable AS (
            SELECT dataset, name, state, from_time, to_time FROM partitions
            WHERE state IN ('open', 'closed', 'sealed')
                AND dataset IN ('metrics', 'rollup_1m', 'rollup_5m', 'rollup_1h')
        )
        SELECT (SELECT store_id::text FROM stores) AS store,
            pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
            EXISTS (SELECT FROM source_layouts WHERE registered >= $1::xid8
                AND registered < pg_snapshot_xmax(pg_current_snapshot())) AS has_news,
            (extract(epoch FROM closed) * 1000)::bigint AS closed, generation,
            ARRAY(SELECT DISTINCT (extract(epoch FROM hour) * 1000)::bigint FROM rollup_marks
                WHERE hour > $2::timestamptz - interval '1 hour' AND hour < $3::timestamptz) AS marked,
            ARRAY(SELECT dataset || ' ' || (extract(epoch FROM min(from_time)) * 1000)::bigint
                FROM readable GROUP BY dataset) AS oldest,
            ARRAY(SELECT dataset || ' ' || name || ' ' || state || ' ' || (extract(epoch FROM from_time) * 1000)::bigint
                    || ' ' || (extract(epoch FROM to_time) * 1000)::bigint FROM readable
                WHERE to_time > $2::timestamptz - interval '1 hour'
                    AND from_time < $3::timestamptz + interval '1 hour'
                ORDER BY from_time, state = 'sealed' DESC, name) AS tables
        FROM (VALUES (1)) AS one LEFT JOIN rollup_state ON true
        """

    private init(_ row: SQLRow) throws(DatabaseError) {
        store = try row.string("store")
        horizon = UInt64(try row.string("horizon")) ?? 0
        hasNewPairs = try row.bool("has_news")
        rollups = Rollups(closed: row["closed"].int.map(Int64.init), generation: row["generation"].int ?? 0)
        rollups.marked = Set((row["marked"].integers ?? []).compactMap { $0.map(Int64.init) })
        tables = []
        for text in try row.strings("oldest") {
            let words: [Substring] = Self.words(text)
            guard words.count == 2, let time = Int64(words[1]) else { continue }
            if let width = Self.width(of: words[0]) {
                rollups.oldest[width] = time
            } else {
                rollups.samples = time
            }
        }
        for text in try row.strings("tables") {
            let words: [Substring] = Self.words(text)
            guard words.count == 5, let from = Int64(words[3]), let to = Int64(words[4]) else { continue }
            if let width = Self.width(of: words[0]) {
                rollups.tables[width, default: []].append(String(words[1]))
            } else {
                let content = PartitionContent(table: String(words[1]), isSealed: words[2] == "sealed")
                tables.append(SampleTable(content: content, span: from..<to))
            }
        }
    }

    /// By bytes: this is done for every query.
    private static func words(_ text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: " ")).map { Substring($0) }
    }

    /// Those that hold the time of a selection.
    func contents(overlapping selection: Selection) -> [PartitionContent] {
        tables.filter { table in
            table.span.map { $0.upperBound > selection.after && $0.lowerBound <= selection.through } ?? true
        }.map(\.content)
    }

    /// Nil for the samples.
    private static func width(of dataset: Substring) -> BucketWidth? {
        BucketWidth(rawValue: String(dataset.dropFirst("rollup_".count)))
    }
}
