import PromQL
import Telemetry

/// Hours that may be closed when what is written into them is committed.
enum RollupMarks {
    /// Written this long after the end of its hour, a sample is late. Hours are closed at least four minutes later, and
    /// only when every transaction has ended that was under way then: whoever found its samples not late is done.
    static let lateAfter = PromDuration.seconds(60)

    /// Source and hour of every row that is late.
    static func late(
        _ rows: some Sequence<(source: Int, time: Timestamp)>, now: Timestamp
    ) -> [(source: Int, hour: Int64)] {
        var seen: Set<SeriesOfSource> = []
        let edge: Int64 = (now - lateAfter).milliseconds
        for row in rows where row.time.milliseconds < edge {
            let hour: Int64 = rollupHour(of: row.time.milliseconds)
            if hour + BucketWidth.hour.milliseconds < edge {
                seen.insert(SeriesOfSource(source: row.source, series: Int(hour)))
            }
        }
        return seen.map { ($0.source, Int64($0.series)) }.sorted { $0 < $1 }
    }
}

extension RollupMarks {
    /// How long the time between finding samples not late and the transaction's number may be, at most.
    static let patience = PromDuration.seconds(60)

    /// The statement that marks hours, in a script; nil where there are none.
    static func statement(_ late: [(source: Int, hour: Int64)]) -> String? {
        guard !late.isEmpty else { return nil }
        let sources: String = late.map { "\($0.source)" }.joined(separator: ",")
        let hours: String = late.map { "\($0.hour)" }.joined(separator: ",")
        return """
            INSERT INTO rollup_marks (source, hour) SELECT source, to_timestamp(hour / 1000.0)
            FROM unnest('{\(sources)}'::int[], '{\(hours)}'::bigint[]) AS late (source, hour)
            """
    }
}

extension PostgresConnection {
    /// Marks the hours of rows that come late, in the transaction that writes them, after they were written. Costs
    /// nothing where none does.
    func markRollups(
        _ rows: some Sequence<(source: Int, time: Timestamp)>, now: Timestamp
    ) throws(DatabaseError) {
        let late: [(source: Int, hour: Int64)] = RollupMarks.late(rows, now: now)
        guard !late.isEmpty else { return }
        _ = try execute(
            """
            INSERT INTO rollup_marks (source, hour)
            SELECT source, to_timestamp(hour / 1000.0) FROM unnest($1::int[], $2::bigint[]) AS late (source, hour)
            """, [.integerArray(late.map(\.source)), .integerArray(late.map { Int($0.hour) })])
    }
}
