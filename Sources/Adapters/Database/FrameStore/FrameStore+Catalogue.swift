package import PromQL
package import Telemetry

// Which series there are, without their samples: those of which a query of the time could find something, be it samples
// or rollups. As in Prometheus, a series whose samples were removed is not there any more, and of what is stored in
// larger pieces (blocks, hours of rollups) the piece counts, not each of its instants.
extension FrameStore {
    /// The labels of every series that one of the selections picks and that has something in the selection's time,
    /// sorted, each once.
    package func labels(of selections: [Selection]) async throws -> [Labels] {
        let style: PartitioningStyle = try await partitioning.style()
        var found: Set<Labels> = []
        for selection in selections {
            found.formUnion(
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    var search: SeriesSearch = try search(selection, style, connection)
                    try search.run(connection)
                    return search.found
                })
        }
        return found.sorted()
    }

    private func search(
        _ selection: Selection, _ style: PartitioningStyle, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> SeriesSearch {
        let (after, before) = selection.instants
        var look: StoreLook = try .take(
            after: after, before: before, knownHorizon: directory.horizon, on: connection)
        if style == .hypertable { look.tables = [.init(content: .init(table: "frames", isSealed: false))] }
        let plan: ReadPlan = try directory.current(after: look, on: connection) { $0.plan(selection.matchers) }
        return SeriesSearch(selection, plan, look)
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
