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

    /// Values of one source in memory at a time, about: 16 bytes each, twice.
    private static let valuesInMemory = 1_500_000

    /// Sources in order of their identifiers, each with all its blocks or none, so that after a crash the last one says
    /// where to go on.
    func run(_ progress: (Int) async throws -> Void) async throws {
        var last: Int = try await lastSource()
        while let next = try await source(after: last) {
            try await progress(try await seal(next))
            last = next
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

    private func lastSource() async throws(DatabaseError) -> Int {
        try await store.pool.withConnection { [building] (connection) throws(DatabaseError) in
            try connection.execute("SELECT coalesce(max(source), 0) AS last FROM \(building)").only().int("last")
        }
    }

    private func source(after last: Int) async throws(DatabaseError) -> Int? {
        let parts: [String] = (frames + (blocks.map { [$0] } ?? [])).map {
            "(SELECT min(source) AS source FROM \($0) WHERE source > $1)"
        }
        return try await store.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                "SELECT min(source) AS next FROM (\(parts.joined(separator: " UNION ALL "))) AS part",
                [.integer(last)]
            ).only()["next"].int
        }
    }

    /// All blocks of one source in one transaction; gives the samples in them.
    private func seal(_ source: Int) async throws -> Int {
        try await store.pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            guard let width = try size(of: source, connection) else {
                try copy(source, connection)
                return 0
            }
            let series: [Int: [Int]] = try connection.layouts(of: source)
            var samples = 0
            for (start, end) in windows(width) {
                var rows: [SealRow] = []
                for table in frames { rows += try connection.frames(in: table, source, start, end) }
                if let blocks {
                    rows += try connection.rows(in: blocks, source, start, end, store.compression)
                }
                let ordered = SealRows(rows, series: series)
                for (layout, rows) in ordered.rows.sorted(by: { $0.key < $1.key }) {
                    let sealed: [SealedBlock] = try SealedBlock.blocks(
                        of: rows, source: source, width: series[layout]?.count ?? 0, store.compression)
                    for block in sealed {
                        try connection.insert(block, into: building)
                        samples += block.samples
                    }
                }
            }
            return samples
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

    private func copy(_ source: Int, _ connection: isolated PostgresConnection) throws(DatabaseError) {
        guard let blocks else { return }
        _ = try connection.execute(
            "INSERT INTO \(building) SELECT * FROM \(blocks) WHERE source = $1", [.integer(source)])
    }

    /// The span in pieces of whole seconds that each fit into memory.
    private func windows(_ size: Int) -> [(Timestamp, Timestamp)] {
        let seconds: Int64 = max((to.microseconds - from.microseconds) / 1_000_000, 1)
        let count: Int64 = min(max(Int64(size / Self.valuesInMemory) + 1, 1), seconds)
        return (0..<count).map { number in
            (
                from + .seconds(number * seconds / count),
                number == count - 1 ? to : from + .seconds((number + 1) * seconds / count)
            )
        }
    }
}
