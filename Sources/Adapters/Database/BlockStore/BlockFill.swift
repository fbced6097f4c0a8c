import ColumnCodec
import Telemetry

/// Fills one table of blocks from closed tables of frames and the span's older blocks, source by source, and puts it in
/// their place.
struct BlockFill: Sendable {
    let store: BlockStore
    let building: String
    let frames: [String]
    let blocks: String?
    let from: Timestamp
    let to: Timestamp
    let leadership: Leadership?

    /// Values that are read at once, about: two milliseconds of PostgreSQL's time and ours.
    private static let valuesAtOnce = 25_000

    /// Sources in order of their identifiers. The last one that is there may be there in part, where somebody was cut off
    /// before: it is done again.
    func run(pace: SealPace, progress: (Int) async throws -> Void) async throws {
        var next: Int? = try await begin()
        while let source = next {
            try await progress(try await seal(source, pace))
            next = try await self.source(from: source + 1)
        }
        // The planner of queries goes by it.
        _ = try await store.pool.withConnection { [building] (connection) throws(DatabaseError) in
            try connection.execute("ANALYZE \(building)").affected
        }
        try await flip()
    }

    /// The one moment at which readers change from frames to blocks.
    private func flip() async throws {
        try await store.pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            for table in frames { try check(try connection.move(table, from: .closed, to: .leaving), table) }
            if let blocks { try check(try connection.move(blocks, from: .sealed, to: .leaving), blocks) }
            try check(try connection.move(building, from: .building, to: .sealed), building)
        }
    }

    /// What was planned with is there no more: retention took it. The next plan is made without it.
    private func check(_ isMoved: Bool, _ table: String) throws(DatabaseError) {
        guard isMoved else {
            throw DatabaseError(
                .usage, "\(table) is not what it was in the catalogue", operation: "seal \(from)",
                hint: "it is tried again")
        }
    }

    // MARK: Sources

    /// The source to begin with, of which nothing is left then.
    private func begin() async throws -> Int? {
        let last: Int? = try await store.pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            return try connection.execute(
                """
                WITH last AS (SELECT max(source) AS source FROM \(building)),
                    gone AS (DELETE FROM \(building) USING last WHERE \(building).source = last.source)
                SELECT source FROM last
                """
            ).only()["source"].int
        }
        return try await source(from: last ?? Int(Int32.min))
    }

    private func source(from first: Int) async throws(DatabaseError) -> Int? {
        let parts: [String] = (frames + (blocks.map { [$0] } ?? [])).map {
            "(SELECT min(source) AS source FROM \($0) WHERE source >= $1)"
        }
        return try await store.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                "SELECT min(source) AS next FROM (\(parts.joined(separator: " UNION ALL "))) AS part",
                [.integer(first)]
            ).only()["next"].int
        }
    }

    /// All blocks of one source, window by window; gives the samples in them. Nothing of what it reads is written to
    /// meanwhile, but for series that are removed from blocks: those are removed from the new ones in their turn.
    private func seal(_ source: Int, _ pace: SealPace) async throws -> Int {
        let found: (size: Int?, series: [Int: [Int]]) = try await store.pool.withConnection {
            (connection) throws(DatabaseError) in
            (try size(of: source, connection), try connection.layouts(of: source))
        }
        guard let size = found.size else {
            try await copy(source)
            return 0
        }
        var samples = 0
        for window in windows(size, of: store.valuesInMemory) {
            let ordered = SealRows(try await rows(of: source, window, size, pace), series: found.series)
            var sealed: [SealedBlock] = []
            for (layout, rows) in ordered.rows.sorted(by: { $0.key < $1.key }) {
                sealed += try await SealedBlock.blocks(
                    of: rows, source: source, width: found.series[layout]?.count ?? 0, store.compression, pace)
            }
            try await insert(sealed)
            samples += sealed.reduce(0) { $0 + $1.samples }
        }
        return samples
    }

    private func rows(
        of source: Int, _ window: Span, _ size: Int, _ pace: SealPace
    ) async throws -> [SealRow] {
        var rows: [SealRow] = []
        for part in windows(size, of: Self.valuesAtOnce) {
            let (start, end): Span = (max(part.start, window.start), min(part.end, window.end))
            guard start < end else { continue }
            for table in frames {
                rows += try await store.pool.withConnection { (connection) throws(DatabaseError) in
                    try connection.frames(in: table, source, start, end)
                }
                try await pace()
            }
        }
        guard let blocks else { return rows }
        return rows
            + (try await store.pool.transaction { [compression = store.compression] connection in
                try connection.rows(in: blocks, source, window.start, window.end, compression)
            })
    }

    private func insert(_ sealed: [SealedBlock]) async throws {
        try await transaction { connection in
            for block in sealed { try connection.insert(block, into: building) }
        }
    }

    /// Of blocks that nobody reads yet. The flip, which lets them be read, waits for all that was written before it to be
    /// safe; so this need not, and ingest does not wait for the disk behind it.
    private func transaction(_ body: @Sendable (isolated PostgresConnection) throws -> Void) async throws {
        try await store.pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            _ = try connection.execute("SET LOCAL synchronous_commit = off")
            try body(connection)
        }
    }

    /// Values of a source in the frames and blocks that are sealed, about; nil where it has no frames, only older
    /// blocks, which stay as they are.
    private func size(of source: Int, _ connection: isolated PostgresConnection) throws(DatabaseError) -> Int? {
        let parts: [String] = frames.map {
            "SELECT count(*) AS n, sum(cardinality(values)) AS size FROM \($0) WHERE source = $1"
        }
        let row: SQLRow = try connection.execute(
            """
            SELECT sum(n)::bigint AS n, coalesce(sum(size), 0)::bigint AS size
            FROM (\(parts.joined(separator: " UNION ALL "))) AS part
            """, [.integer(source)]
        ).only()
        guard try row.int("n") > 0 else { return nil }
        guard let blocks else { return try row.int("size") }
        return try row.int("size")
            + (try connection.execute(
                "SELECT coalesce(sum(rows::bigint * cardinality(ends)), 0)::bigint AS size FROM \(blocks) WHERE source = $1",
                [.integer(source)]
            ).only().int("size"))
    }

    private func copy(_ source: Int) async throws {
        guard let blocks else { return }
        try await transaction { connection in
            _ = try connection.execute(
                "INSERT INTO \(building) SELECT * FROM \(blocks) WHERE source = $1", [.integer(source)])
        }
    }

    private typealias Span = (start: Timestamp, end: Timestamp)

    /// The span in pieces of whole seconds with about `values` of `size` values each.
    private func windows(_ size: Int, of values: Int) -> [Span] {
        let seconds: Int64 = max((to.microseconds - from.microseconds) / 1_000_000, 1)
        let count: Int64 = min(max(Int64(size / values) + 1, 1), seconds)
        return (0..<count).map { number in
            (
                from + .seconds(number * seconds / count),
                number == count - 1 ? to : from + .seconds((number + 1) * seconds / count)
            )
        }
    }
}
