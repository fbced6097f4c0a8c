import ColumnCodec
import Telemetry

// The same for spans that are sealed: blocks of doomed series alone are deleted, of others the columns are emptied; no
// other column is decoded or changed.
extension FrameStore {
    /// One transaction for the blocks of a source and layout, some dozens a day; gives how many were deleted or changed.
    func run(_ erasure: Erasure, onBlocksOf table: String, _ pace: ErasurePace) async throws -> Int {
        let step: ErasureStep = try await pace()
        return try await pool.transaction { connection in
            try connection.verify(step.leadership)
            let key: [SQLValue] = [.integer(erasure.pair.source), .integer(erasure.pair.layout)]
            guard erasure.doomed.count < erasure.width else {
                return try connection.execute("DELETE FROM \(table) WHERE source = $1 AND layout = $2", key).affected
            }
            let found: SQLResult = try connection.execute(
                """
                SELECT from_time, rows, version, ends, summaries, columns FROM \(table)
                WHERE source = $1 AND layout = $2 ORDER BY from_time FOR UPDATE
                """, key, format: .binary)
            var changed = 0
            for row in found.rows where try connection.empty(erasure, row, table) { changed += 1 }
            return changed
        }
    }
}

extension PostgresConnection {
    /// Whether there was anything to empty.
    fileprivate func empty(_ erasure: Erasure, _ row: SQLRow, _ table: String) throws -> Bool {
        try EncodedBlock.check(version: try row.int("version"))
        let emptied = try EmptiedColumns(
            emptying: Set(erasure.doomed.map { $0 - 1 }), columns: try row.bytes("columns"),
            ends: (row["ends"].integers ?? []).compactMap { $0 }, summaries: try row.bytes("summaries"),
            rows: try row.int("rows"))
        guard emptied.hasChanged else { return false }
        _ = try execute(
            """
            UPDATE \(table) SET ends = $4, summaries = $5, columns = $6
            WHERE source = $1 AND layout = $2 AND from_time = $3
            """,
            [
                .integer(erasure.pair.source), .integer(erasure.pair.layout), .time(try row.time("from_time")),
                .integerArray(emptied.ends), .bytes(emptied.summaries), .bytes(emptied.columns),
            ])
        return true
    }
}
