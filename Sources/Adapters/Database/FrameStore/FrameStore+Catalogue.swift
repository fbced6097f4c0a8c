package import PromQL
package import Telemetry

/// Which series there are, without their samples.
extension FrameStore {
    /// The labels of every series that one of the selections picks and whose source has a frame of its layout in the
    /// selection's time, sorted, each once.
    package func labels(of selections: [Selection]) async throws -> [Labels] {
        var found: Set<Labels> = []
        for selection in selections {
            let plan: ReadPlan = try await plan(selection)
            var waiting: Set<ReadPlan.Pair> = Set(plan.elements.keys)
            // The newest partition first: most series are in it.
            for content in try await contents(overlapping: selection).reversed() where !waiting.isEmpty {
                for pair in try await present(waiting, in: content, selection) {
                    waiting.remove(pair)
                    found.formUnion(plan.elements[pair, default: []].map(\.labels))
                }
            }
        }
        return found.sorted()
    }

    private func contents(overlapping selection: Selection) async throws(DatabaseError) -> [PartitionContent] {
        let (after, before) = selection.instants
        return try await partitioning.contents(from: after, to: before)
    }

    /// What to read.
    private func plan(_ selection: Selection) async throws(DatabaseError) -> ReadPlan {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try directory.current(on: connection) { $0.plan(selection.matchers) }
        }
    }

    /// The pairs that have a frame in a table, or a block that overlaps the selection's time; none where the table was
    /// dropped meanwhile.
    private func present(
        _ pairs: Set<ReadPlan.Pair>, in content: PartitionContent, _ selection: Selection
    ) async throws(DatabaseError) -> [ReadPlan.Pair] {
        let (last, first): (String, String) = content.isSealed ? ("last_time", "from_time") : ("time", "time")
        let pairs: [ReadPlan.Pair] = Array(pairs)
        do {
            return try await pool.withConnection { (connection) throws(DatabaseError) in
                let result: SQLResult = try connection.execute(
                    """
                    SELECT source, layout FROM unnest($1::int[], $2::int[]) AS pair (source, layout)
                    WHERE EXISTS (SELECT FROM \(content.table) AS held
                        WHERE held.source = pair.source AND held.layout = pair.layout
                            AND held.\(last) > $3::timestamptz AND held.\(first) < $4::timestamptz)
                    """,
                    [.integerArray(pairs.map(\.source)), .integerArray(pairs.map(\.layout))] + selection.bounds)
                var present: [ReadPlan.Pair] = []
                for row in result.rows {
                    present.append(ReadPlan.Pair(source: try row.int("source"), layout: try row.int("layout")))
                }
                return present
            }
        } catch {
            guard error.isUndefinedTable else { throw error }
            return []
        }
    }
}

extension Selection {
    /// The instants between which, both excluded, a frame's time lies: selections count whole milliseconds, frames have
    /// microseconds below them.
    var instants: (after: Timestamp, before: Timestamp) {
        (
            Timestamp(microseconds: Self.clamped(after) * 1000 + 999),
            Timestamp(microseconds: (Self.clamped(through) + 1) * 1000)
        )
    }

    var bounds: [SQLValue] { [.time(instants.after), .time(instants.before)] }

    /// Within the years 1 to 9999, which both sides can write: an offset of a thousand years is legal PromQL.
    private static func clamped(_ milliseconds: Int64) -> Int64 {
        min(max(milliseconds, -62_135_596_800_000), 253_402_300_799_000)
    }
}
