import PromQL
package import Telemetry

// One transaction for some sources and one hour. It sees one state of the database, deletes the marks of that state and
// writes what the frames of that state give: a writer that commits later leaves a mark that this transaction did not see.
extension RollupStore {
    /// Makes the rollups of some sources for one hour from their frames. Safe to repeat, and to be killed in.
    ///
    /// Where fewer samples are left than the stored rollup was made of, their partition was dropped meanwhile; the
    /// stored one stays. Gives the number of samples that were read.
    package func make(_ sources: [Int], hour: Timestamp, under leadership: Leadership) async throws -> Int {
        let selection = Selection(
            matchers: [], after: hour.milliseconds, through: hour.milliseconds + BucketWidth.hour.milliseconds)
        let (after, before) = selection.instants
        let contents: [PartitionContent] = try await raw.contents(from: after, to: before)
        var targets: [(width: BucketWidth, table: String)] = []
        for width in BucketWidth.allCases {
            targets.append((width, try await partitioning(width).name(at: hour)))
        }
        let work = Work(
            sources: sources, selection: selection, hour: hour, contents: contents, targets: targets,
            leadership: leadership)
        do { return try await run(work) } catch let error as DatabaseError {
            if error.isUndefinedTable { for table in tables.values { table.forget() } }
            throw error
        }
    }

    private struct Work: Sendable {
        var sources: [Int]
        var selection: Selection
        var hour: Timestamp
        var contents: [PartitionContent]
        var targets: [(width: BucketWidth, table: String)]
        var leadership: Leadership
    }

    private func run(_ work: Work) async throws -> Int {
        try await pool.transaction(TransactionMode(isolation: .repeatableRead, isReadOnly: false)) { connection in
            try connection.verify(work.leadership)
            _ = try connection.execute(
                "DELETE FROM rollup_marks WHERE source = ANY ($1::int[]) AND hour = $2",
                [.integerArray(work.sources), .time(work.hour)])
            let assembly: SeriesAssembly<SeriesOfSource> = try read(work, connection)
            let hours: [(SeriesOfSource, [Int64], [Double])] = assembly.ordered().sorted {
                ($0.key.source, $0.key.series) < ($1.key.source, $1.key.series)
            }
            guard !hours.isEmpty else { return 0 }
            let made: [Made] = work.targets.map { encoded(hours, for: $0, work) }
            if try !isStored(made, connection) { try replace(by: made, connection) }
            // Whoever remembers what was there looks here first.
            _ = try connection.execute(
                "UPDATE rollup_state SET generation = generation + 1 WHERE closed > $1", [.time(work.hour)])
            return hours.reduce(0) { $0 + $1.1.count }
        }
    }

    private func read(
        _ work: Work, _ connection: isolated PostgresConnection
    ) throws -> SeriesAssembly<SeriesOfSource> {
        let layouts: SQLResult = try connection.execute(
            """
            SELECT pair.source, pair.layout, layouts.series FROM source_layouts AS pair
            JOIN layouts ON layouts.id = pair.layout WHERE pair.source = ANY ($1::int[])
            """, [.integerArray(work.sources)], format: .binary)
        var plan = ReadPlan()
        for row in layouts.rows {
            let pair = ReadPlan.Pair(source: try row.int("source"), layout: try row.int("layout"))
            let series: [Int?] = row["series"].integers ?? []
            plan.elements[pair] = series.enumerated().map { position, id in
                ReadPlan.Element(position: position, series: id ?? 0, labels: .none)
            }
        }
        var assembly = SeriesAssembly(plan) { SeriesOfSource(source: $0.source, series: $1.series) }
        guard !plan.isEmpty else { return assembly }
        let query = SampleQuery(plan, work.selection, compression, mostSamples: .max)
        for content in work.contents {
            let result: SQLResult = try connection.execute(
                query.statement(content), query.parameters(content), format: .binary)
            try query.add(result, of: content, to: &assembly)
        }
        return assembly
    }

    // MARK: Writing

    private static func incoming(_ width: BucketWidth) -> String { "incoming_\(width.rawValue)" }

    /// The rows of one width.
    private struct Made {
        var width: BucketWidth
        var table: String
        var rows: [UInt8]
    }

    private func encoded(
        _ hours: [(SeriesOfSource, [Int64], [Double])], for target: (width: BucketWidth, table: String), _ work: Work
    ) -> Made {
        var encoder = RollupEncoder(target.width)
        for (key, times, values) in hours {
            encoder.add(
                HourOfBuckets(
                    source: key.source, series: key.series, hour: work.hour.milliseconds,
                    buckets: Bucket.fold(times: times, values: values, width: target.width)))
        }
        return Made(width: target.width, table: target.table, rows: encoder.finished())
    }

    /// Copies the rows of an hour of which nothing is stored yet, as is usual; false where something is.
    private func isStored(_ made: [Made], _ connection: isolated PostgresConnection) throws -> Bool {
        try connection.script("SAVEPOINT straight")
        do throws(DatabaseError) {
            for one in made { try copy(one, into: one.table, connection) }
            return true
        } catch {
            guard error.isUniqueViolation else { throw error }
            try connection.script("ROLLBACK TO SAVEPOINT straight")
            return false
        }
    }

    /// Takes the place of what is stored, but for what is more.
    private func replace(by made: [Made], _ connection: isolated PostgresConnection) throws {
        // Tables of a few thousand rows against partitions of millions: always by key.
        try connection.script("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        for one in made {
            let table: String = Self.incoming(one.width)
            try connection.script(
                "CREATE TEMPORARY TABLE \(table) (LIKE rollup_\(one.width.rawValue) INCLUDING STORAGE) ON COMMIT DROP")
            try copy(one, into: table, connection)
        }
        try keepWhatIsMore(made, connection)
        for one in made { try put(one.width, one.table, connection) }
    }

    private func copy(
        _ made: Made, into table: String, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        _ = try connection.copyIn("COPY \(table) (\(RollupEncoder.columns)) FROM STDIN (FORMAT binary)", made.rows)
    }

    /// Forgets what was made of fewer samples than what is stored.
    private func keepWhatIsMore(_ made: [Made], _ connection: isolated PostgresConnection) throws {
        guard let hourly = made.first(where: { $0.width == .hour })?.table else { return }
        let fewer: SQLResult = try connection.execute(
            """
            SELECT incoming.source, incoming.series FROM incoming_1h AS incoming
            JOIN \(hourly) AS stored USING (source, series, time) WHERE stored.count > incoming.count
            """)
        guard !fewer.rows.isEmpty else { return }
        var sources: [Int] = []
        var series: [Int] = []
        for row in fewer.rows {
            sources.append(try row.int("source"))
            series.append(try row.int("series"))
        }
        for width in BucketWidth.allCases {
            _ = try connection.execute(
                """
                DELETE FROM \(Self.incoming(width)) AS incoming
                USING unnest($1::int[], $2::bigint[]) AS kept (source, series)
                WHERE incoming.source = kept.source AND incoming.series = kept.series
                """, [.integerArray(sources), .integerArray(series)])
        }
    }

    private func put(_ width: BucketWidth, _ table: String, _ connection: isolated PostgresConnection) throws {
        let columns: [Substring] = RollupEncoder.columns.split(separator: ", ").dropFirst(3).map(\.self)
        _ = try connection.execute(
            """
            INSERT INTO \(table) (\(RollupEncoder.columns))
            SELECT \(RollupEncoder.columns) FROM \(Self.incoming(width))
            ON CONFLICT (source, series, time) DO UPDATE SET
            \(columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
            """)
    }
}

/// A series as one source reports it: what a rollup is of.
struct SeriesOfSource: Hashable, Sendable {
    var source: Int
    var series: Int
}
