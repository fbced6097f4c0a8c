import PromQL
import Telemetry

/// Which part of a selection's time rollups answer, and which the samples.
struct RollupCover: Sendable {
    /// After the first, up to the second, milliseconds since 1970.
    struct Stretch: Hashable, Sendable {
        var after: Int64
        var through: Int64
        var isRolledUp: Bool
    }

    var width: BucketWidth
    /// In order of time, without a gap.
    var stretches: [Stretch]

    /// What is known of the hours.
    struct Hours: Sendable {
        /// Those that begin before it are closed.
        var closed: Int64
        /// Those of them whose rollups are not of all samples yet.
        var open: Set<Int64> = []
        /// Where the rollups of the width begin.
        var oldest: Int64
        /// Where samples begin: before it rollups are all that there is.
        var samples: Int64 = .min

        func isRolledUp(_ hour: Int64) -> Bool {
            guard hour < closed, hour >= oldest else { return false }
            return !open.contains(hour) || hour + BucketWidth.hour.milliseconds <= samples
        }
    }

    init(_ selection: Selection, width: BucketWidth, _ hours: Hours) {
        self.width = width
        stretches = []
        let step: Int64 = BucketWidth.hour.milliseconds
        var edge: Int64 = selection.after
        while edge < selection.through {
            let hour: Int64 = rollupHour(of: edge + 1)
            // Beyond what is closed there is nothing to decide hour by hour.
            let end: Int64 = hour >= hours.closed ? selection.through : min(hour + step, selection.through)
            append(Stretch(after: edge, through: end, isRolledUp: hours.isRolledUp(hour)))
            edge = end
        }
    }

    private mutating func append(_ stretch: Stretch) {
        guard let last = stretches.last, last.isRolledUp == stretch.isRolledUp else { return stretches.append(stretch) }
        stretches[stretches.count - 1].through = stretch.through
    }

    var isUseful: Bool { stretches.contains(where: \.isRolledUp) }
}

extension RollupStore {
    /// More hours than these are not looked at one by one: 30 years.
    private static let mostHours: Int64 = 30 * 366 * 24

    /// How rollups can answer a selection; nil where they cannot, or have nothing of its time.
    func cover(_ selection: Selection) async throws(DatabaseError) -> RollupCover? {
        guard let use = selection.buckets, let width = use.widths.first else { return nil }
        let hours: Int64 = (selection.through - selection.after) / BucketWidth.hour.milliseconds
        // A stretch of less than an hour is seldom closed, and a few rows of frames.
        guard hours >= 1, hours < Self.mostHours else { return nil }
        let (after, before) = selection.instants
        let known: RollupCover.Hours? = try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.prepared(
                """
                SELECT closed, (SELECT min(from_time) FROM partitions WHERE dataset = $3) AS oldest,
                    (SELECT min(from_time) FROM partitions WHERE dataset = 'metrics') AS samples,
                    ARRAY(SELECT DISTINCT (extract(epoch FROM hour) * 1000)::bigint FROM rollup_marks
                        WHERE hour > $1::timestamptz - interval '1 hour' AND hour < $2::timestamptz) AS open
                FROM rollup_state
                """, [.time(after), .time(before), .text("rollup_\(width.rawValue)")])
            guard let row = result.rows.first, !row["oldest"].isNull else { return nil }
            return RollupCover.Hours(
                closed: try row.time("closed").milliseconds,
                open: Set((row["open"].integers ?? []).compactMap { $0.map(Int64.init) }),
                oldest: try row.time("oldest").milliseconds, samples: row["samples"].time?.milliseconds ?? .max)
        }
        guard let known else { return nil }
        let cover = RollupCover(selection, width: width, known)
        return cover.isUseful ? cover : nil
    }

    /// How rollups stand in for samples that are gone, for questions that they do not answer exactly: by the last value
    /// of each bucket, of the narrowest width that is there. Nil where all samples are there.
    func substitute(for selection: Selection) async throws(DatabaseError) -> RollupCover? {
        let found: (width: BucketWidth, hours: RollupCover.Hours)? = try await pool.withConnection {
            (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.prepared(
                """
                SELECT closed, samples.edge, rollup.dataset, rollup.oldest
                FROM rollup_state, (SELECT coalesce(min(from_time), 'infinity') AS edge FROM partitions
                    WHERE dataset = 'metrics') AS samples,
                    (SELECT dataset, min(from_time) AS oldest FROM partitions WHERE dataset LIKE 'rollup\\_%'
                        GROUP BY dataset) AS rollup
                WHERE $1::timestamptz < samples.edge
                """, [.time(selection.instants.0)])
            var best: (width: BucketWidth, hours: RollupCover.Hours)?
            for row in result.rows {
                guard let width = BucketWidth(rawValue: String(try row.string("dataset").dropFirst(7))) else {
                    continue
                }
                let hours = RollupCover.Hours(
                    closed: min(try row.time("closed").milliseconds, row["edge"].time?.milliseconds ?? .max),
                    oldest: try row.time("oldest").milliseconds)
                // The narrowest that reaches back to the beginning, else the one that reaches back furthest.
                guard let present = best else {
                    best = (width, hours)
                    continue
                }
                let reaches: Bool = hours.oldest <= selection.after
                let isNarrower: Bool = width.milliseconds < present.width.milliseconds
                let presentReaches: Bool = present.hours.oldest <= selection.after
                if reaches == presentReaches ? (reaches ? isNarrower : hours.oldest < present.hours.oldest) : reaches {
                    best = (width, hours)
                }
            }
            return best
        }
        guard let found, (selection.through - selection.after) / BucketWidth.hour.milliseconds < Self.mostHours else {
            return nil
        }
        let cover = RollupCover(selection, width: found.width, found.hours)
        return cover.isUseful ? cover : nil
    }

    /// Rows that are worth a second connection.
    private static let worthTwo = 200

    func read(_ stretch: RollupCover.Stretch, _ reader: RollupReader) async throws(DatabaseError) -> [RollupColumn] {
        let from: Int64 = rollupHour(of: stretch.after + 1)
        let to: Int64 = rollupHour(of: stretch.through) + BucketWidth.hour.milliseconds
        var columns = [RollupColumn](repeating: RollupColumn(), count: reader.labels.count)
        let tables: [String] = try await partitioning(reader.width)
            .names(from: Timestamp(milliseconds: from), to: Timestamp(milliseconds: to))
        let expected: Int64 = Int64(reader.count) * ((to - from) / BucketWidth.hour.milliseconds)
        let parts: Int = expected > Self.worthTwo && reader.count > 1 ? 2 : 1
        for table in tables {
            async let second: Result<SQLResult, DatabaseError>? =
                parts == 2 ? rows(reader, table, part: 1, of: 2, from, to) : nil
            let first: Result<SQLResult, DatabaseError> = await rows(reader, table, part: 0, of: parts, from, to)
            for outcome in [first, await second].compactMap(\.self) {
                // Dropped by retention since the catalogue was read.
                if case .failure(let error) = outcome, error.isUndefinedTable { continue }
                reader.add(try outcome.get(), to: &columns, after: stretch.after, through: stretch.through)
            }
        }
        for place in columns.indices { columns[place].sort() }
        return columns
    }

    private func rows(
        _ reader: RollupReader, _ table: String, part: Int, of parts: Int, _ from: Int64, _ to: Int64
    ) async -> Result<SQLResult, DatabaseError> {
        do throws(DatabaseError) {
            return .success(
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    try connection.prepared(
                        reader.statement(table), reader.parameters(part: part, of: parts, from: from, to: to),
                        format: .binary)
                })
        } catch { return .failure(error) }
    }
}
