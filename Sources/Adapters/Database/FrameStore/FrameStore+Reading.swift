package import PromQL
import Telemetry

// Which elements of which sources' frames are wanted is planned in memory (``SeriesDirectory``); then one statement per
// partition in the window reads them.
extension FrameStore {
    /// More samples than these are an error, before they are more memory than there is.
    private static let mostSamples = 50_000_000

    /// For each selection the series that match, with the labels `host` (its source's) and `job` (its producer's), and
    /// their samples.
    package func load(_ selections: [Selection]) async throws -> [[SeriesData]] {
        var data: [[SeriesData]] = []
        for selection in selections { data.append(try await load(selection)) }
        return data
    }

    private func load(_ selection: Selection) async throws -> [SeriesData] {
        let plan: ReadPlan = try await plan(selection)
        guard !plan.isEmpty else { return [] }
        if let use = selection.buckets, let cover = try await rollups.cover(selection),
            let reader = RollupReader(plan, width: cover.width, purpose: use.purpose)
        {
            return try await load(selection, plan, cover, reader)
        }
        if let cover = try await rollups.substitute(for: selection),
            let reader = RollupReader(plan, width: cover.width, purpose: .lastSamples)
        {
            return try await load(selection, plan, cover, reader, isExact: false)
        }
        return try await samples(selection, plan).map {
            SeriesData(labels: $0.key, times: $0.times, values: $0.values)
        }
    }

    /// The samples themselves.
    func samples(
        _ selection: Selection, _ plan: ReadPlan
    ) async throws -> [(key: Labels, times: [Int64], values: [Double])] {
        for _ in 1..<Self.attempts {
            if let found = try await samplesAsCatalogued(selection, plan) { return found }
        }
        throw DatabaseError(
            .busy, "tables of the metrics went while they were read, \(Self.attempts) times", operation: "read samples",
            hint: "try again")
    }

    /// Between the look at the catalogue and the read a table may have been sealed and dropped, or dropped by retention.
    private static let attempts = 6

    /// Nil where one of the tables is gone that the catalogue named.
    private func samplesAsCatalogued(
        _ selection: Selection, _ plan: ReadPlan
    ) async throws -> [(key: Labels, times: [Int64], values: [Double])]? {
        var assembly = SeriesAssembly(plan) { _, element in element.labels }
        let query = SampleQuery(plan, selection, compression, mostSamples: Self.mostSamples)
        for content in try await contents(overlapping: selection) {
            let outcome: Result<SQLResult, DatabaseError> = await rows(
                query.statement(content), query.parameters(content))
            if case .failure(let error) = outcome, error.isUndefinedTable { return nil }
            try query.add(try outcome.get(), of: content, to: &assembly)
        }
        return assembly.ordered()
    }

    private func rows(_ statement: String, _ parameters: [SQLValue]) async -> Result<SQLResult, DatabaseError> {
        do throws(DatabaseError) {
            return .success(
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    try connection.prepared(statement, parameters, format: .binary)
                })
        } catch { return .failure(error) }
    }

    func contents(overlapping selection: Selection) async throws(DatabaseError) -> [PartitionContent] {
        let (after, before) = selection.instants
        return try await partitioning.contents(from: after, to: before)
    }

    /// What to read.
    func plan(_ selection: Selection) async throws(DatabaseError) -> ReadPlan {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try directory.current(on: connection) { $0.plan(selection.matchers) }
        }
    }
}
