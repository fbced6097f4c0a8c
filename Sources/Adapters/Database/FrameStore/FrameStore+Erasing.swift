import Declarations
import PromQL
package import Telemetry

// Some series go before the others of their time: frames of theirs alone are deleted, of mixed frames their elements are
// emptied. In small transactions, so that nobody waits and VACUUM keeps up; doing it again changes nothing.
extension FrameStore {
    /// Removes the samples of a partition whose series `isDoomed` picks, by labels with name, host and job; gives how many
    /// frames were deleted or changed.
    package func erase(
        from partition: TimePartition, pace: ErasurePace, where isDoomed: @Sendable (Labels) -> Bool
    ) async throws -> Int {
        let table: String = try await partitioning.table(of: partition)
        let state: CataloguedTable.State? = try await state(of: partition)
        // Nobody may write there now; its blocks will have another name, and their turn.
        if state == .closed { return 0 }
        let isSealed: Bool = state == .sealed
        var changed = 0
        var last = Erasure.Pair(source: Int(Int32.min), layout: 0)
        while true {
            let after: Erasure.Pair = last
            let erasures: [Erasure] = try await pool.withConnection { (connection) throws(DatabaseError) in
                try connection.erasures(after: after, isDoomed)
            }
            guard let end = erasures.last?.pair else { return changed }
            for erasure in erasures where !erasure.doomed.isEmpty {
                changed +=
                    isSealed
                    ? try await run(erasure, onBlocksOf: table, pace)
                    : try await run(erasure, table, partition, pace)
            }
            last = end
        }
    }

    /// Nil for a chunk of a hypertable, which is in no catalogue of ours.
    private func state(of partition: TimePartition) async throws(DatabaseError) -> CataloguedTable.State? {
        try await pool.withConnection { [partitioning] (connection) throws(DatabaseError) in
            let found: SQLResult = try connection.execute(
                "SELECT state FROM partitions WHERE dataset = $1 AND name = $2",
                [.text(partitioning.dataset), .text(partition.name)])
            guard let row = found.rows.first else { return nil }
            return CataloguedTable.State(rawValue: try row.string("state"))
        }
    }

    private func run(
        _ erasure: Erasure, _ table: String, _ partition: TimePartition, _ pace: ErasurePace
    ) async throws -> Int {
        var changed = 0
        while true {
            let step: ErasureStep = try await pace()
            let rows: Int = try await pool.transaction { connection in
                try connection.verify(step.leadership)
                return try connection.execute(
                    erasure.statement(table),
                    [
                        .integer(erasure.pair.source), .integer(erasure.pair.layout), .time(partition.from),
                        .time(partition.to), .integer(step.rows),
                    ]
                ).affected
            }
            changed += rows
            if rows < step.rows { return changed }
        }
    }
}

/// What goes of the frames, or blocks, of one source and layout.
struct Erasure: Sendable {
    struct Pair: Hashable, Sendable {
        var source: Int
        var layout: Int
    }

    var pair: Pair
    /// How many series the layout has.
    var width: Int
    /// Those of them that go, from 1.
    var doomed: [Int]

    /// Parameters: source, layout, from, to, rows.
    func statement(_ table: String) -> String {
        let chosen = "source = $1 AND layout = $2 AND time >= $3::timestamptz AND time < $4::timestamptz"
        guard doomed.count < width else {
            return """
                DELETE FROM \(table) WHERE \(chosen) AND time IN (
                    SELECT time FROM \(table) WHERE \(chosen) ORDER BY time LIMIT $5::bigint)
                """
        }
        // The bits of those that stay: a frame's stale bits are as many as its values.
        let doomed: Set<Int> = Set(self.doomed)
        let kept: String = (1...width).map { doomed.contains($0) ? "0" : "1" }.joined()
        let gone: String = (1...width).map { doomed.contains($0) ? "1" : "0" }.joined()
        let isThere: String =
            (self.doomed.map { "values[\($0)] IS NOT NULL" }
            + ["bit_count(stale & B'\(gone)'::bit varying) > 0"]).joined(separator: " OR ")
        return """
            UPDATE \(table) SET \(self.doomed.map { "values[\($0)] = NULL" }.joined(separator: ", ")),
                stale = CASE WHEN bit_count(stale & B'\(kept)'::bit varying) > 0
                    THEN stale & B'\(kept)'::bit varying END
            WHERE \(chosen) AND time IN (
                SELECT time FROM \(table) WHERE \(chosen) AND (\(isThere)) ORDER BY time LIMIT $5::bigint)
            """
    }
}

extension PostgresConnection {
    /// The next pairs of source and layout, in order, with what goes of each.
    fileprivate func erasures(
        after last: Erasure.Pair, _ isDoomed: (Labels) -> Bool
    ) throws(DatabaseError) -> [Erasure] {
        let pairs: SQLResult = try execute(
            """
            SELECT source, layout, host, producer, cardinality(series) AS width,
                (SELECT jsonb_agg(jsonb_build_array(position, name, labels) ORDER BY position)
                    FROM unnest(layouts.series) WITH ORDINALITY AS member (id, position)
                    JOIN series ON series.id = member.id) AS members
            FROM source_layouts JOIN sources ON sources.id = source JOIN layouts ON layouts.id = layout
            WHERE (source, layout) > ($1::int, $2::int) ORDER BY source, layout LIMIT 200
            """, [.integer(last.source), .integer(last.layout)])
        var erasures: [Erasure] = []
        for row in pairs.rows {
            let (host, producer) = (try row.string("host"), try row.string("producer"))
            var erasure = Erasure(
                pair: .init(source: try row.int("source"), layout: try row.int("layout")), width: try row.int("width"),
                doomed: [])
            for member in row["members"].json?.array ?? [] {
                guard let parts = member.array, parts.count == 3, let position = parts[0].integer,
                    let name = parts[1].string
                else { continue }
                var labels: [String: String] = (parts[2].object ?? [:]).compactMapValues(\.string)
                labels[metricNameLabel] = name
                labels["host"] = host
                labels["job"] = labels["job"] ?? producer
                if isDoomed(Labels(labels)) { erasure.doomed.append(position) }
            }
            erasures.append(erasure)
        }
        return erasures
    }
}
