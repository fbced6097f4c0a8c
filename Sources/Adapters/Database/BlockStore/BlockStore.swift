package import ColumnCodec
import Telemetry

/// Asked after each small piece of work: may wait, so that others come first.
package typealias SealPace = () async throws -> Void

/// Seals spans of frames: rewrites them as column blocks, and lets readers have these in the frames' place.
///
/// Everything that it does is one transaction of its own that leaves the catalogue in a state from which ``SealPlan``
/// goes on, whoever is killed when. Readers find in the catalogue either the frames or the blocks of a span, never both.
package struct BlockStore: Sendable {
    let pool: DatabasePool
    /// The general compressor behind the codecs; without one columns are only coded.
    let compression: ByteCompression?
    /// Values of one source in memory at a time, about: 16 bytes each, twice.
    let valuesInMemory: Int
    /// Drops tables.
    let partitions: TimePartitions
    static let dataset = "metrics"

    package init(pool: DatabasePool, compression: ByteCompression?, valuesInMemory: Int = 1_500_000) {
        self.pool = pool
        self.compression = compression
        self.valuesInMemory = valuesInMemory
        partitions = TimePartitions(pool, dataset: Self.dataset, table: "frames")
    }

    /// Whether frames are in partitions that can be sealed; chunks of a hypertable are TimescaleDB's to compress.
    package func isPossible() async throws(DatabaseError) -> Bool { try await partitions.style() == .native }

    /// The tables of the metrics, in order of time.
    package func tables() async throws(DatabaseError) -> [CataloguedTable] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT name, from_time, to_time, state, changed_at FROM partitions
                WHERE dataset = $1 ORDER BY from_time, name
                """, [.text(Self.dataset)])
            var tables: [CataloguedTable] = []
            for row in result.rows {
                guard let state = CataloguedTable.State(rawValue: try row.string("state")) else { continue }
                tables.append(
                    CataloguedTable(
                        name: try row.string("name"), from: try row.time("from_time"), to: try row.time("to_time"),
                        state: state, changedAt: try row.time("changed_at")))
            }
            return tables
        }
    }

    /// Bytes on disk of tables, indexes and out-of-line values included; those that are gone count nothing.
    package func bytes(of tables: [String]) async throws(DatabaseError) -> Int {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                SELECT coalesce(sum(pg_total_relation_size(to_regclass('plumbline.' || name))), 0)::bigint AS bytes
                FROM unnest($1::text[]) AS name
                """, [.textArray(tables)]
            ).only().int("bytes")
        }
    }

    /// Takes a step; `progress` is called after each source that was sealed, with the samples in its blocks, `pace` after
    /// each piece of a millisecond or two. Either may wait, or throw to stop there. Under a leadership nothing is written
    /// by somebody who has lost it.
    ///
    /// Errors that are ``DatabaseError/isLockTimeout`` mean that somebody is in the way: try again later.
    package func take(
        _ step: SealStep, under leadership: Leadership?, progress: (Int) async throws -> Void = { _ in },
        pace: SealPace = {}
    ) async throws {
        switch step {
        case .close(let table): try await close(table, leadership)
        case .begin(let from, let to): try await begin(from, to, leadership)
        case .fill(let building, let frames, let blocks, let from, let to):
            let fill = BlockFill(
                store: self, building: building, frames: frames, blocks: blocks, from: from, to: to,
                leadership: leadership)
            try await fill.run(pace: pace, progress: progress)
        case .abandon(let building):
            try await pool.transaction { connection in
                if let leadership { try connection.verify(leadership) }
                _ = try connection.move(building, from: .building, to: .leaving)
            }
        case .drop(let table): try await partitions.drop(table, under: leadership)
        }
    }

    /// Writers hold the table only while they write, so its lock is free in a moment; readers are not in the way.
    private func close(_ table: String, _ leadership: Leadership?) async throws {
        try await pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            guard try connection.move(table, from: .open, to: .closed) else { return }
            _ = try connection.execute("SET LOCAL lock_timeout = '200ms'")
            _ = try connection.execute(
                """
                CREATE TRIGGER is_closed BEFORE INSERT OR UPDATE OR DELETE ON \(table)
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_writes()
                """)
        }
    }

    private func begin(_ from: Timestamp, _ to: Timestamp, _ leadership: Leadership?) async throws {
        try await pool.transaction { connection in
            if let leadership { try connection.verify(leadership) }
            let number: Int = try connection.execute("SELECT nextval('partition_number') AS n").only().int("n")
            let day: Substring = from.rfc3339.filter(\.isNumber).prefix(8)
            let name = "blocks_\(day)_\(number)"
            _ = try connection.execute("CREATE TABLE \(name) (LIKE blocks INCLUDING ALL)")
            _ = try connection.execute(
                """
                INSERT INTO partitions (dataset, name, from_time, to_time, state) VALUES ($1, $2, $3, $4, 'building')
                """, [.text(Self.dataset), .text(name), .time(from), .time(to)])
        }
    }
}

extension PostgresConnection {
    /// Changes the state of a table in the catalogue; false where it is not in `old` any more.
    func move(
        _ table: String, from old: CataloguedTable.State, to new: CataloguedTable.State
    ) throws(DatabaseError) -> Bool {
        try execute(
            """
            UPDATE partitions SET state = $3, changed_at = now() WHERE dataset = $4 AND name = $1 AND state = $2
            """, [.text(table), .text(old.rawValue), .text(new.rawValue), .text(BlockStore.dataset)]
        ).affected == 1
    }
}
