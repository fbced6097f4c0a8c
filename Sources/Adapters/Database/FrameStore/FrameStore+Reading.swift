package import PromQL
import Telemetry

// One look at the store, and in the same visit to a connection the statements that read: which elements of which
// sources' frames are wanted is planned in memory (``SeriesDirectory``), and so is which tables to ask (``Reading``).
extension FrameStore {
    /// More samples than these are an error, before they are more memory than there is.
    private static let mostSamples = 50_000_000

    /// For each selection the series that match, with the labels `host` (its source's) and `job` (its producer's), and
    /// their samples.
    package func load(_ selections: [Selection]) async throws -> [[SeriesData]] {
        guard let span = Selection.span(of: selections) else { return [] }
        for _ in 1..<Self.attempts {
            if let data = try await loadAsCatalogued(selections, span) { return data }
        }
        throw DatabaseError(
            .busy, "tables of the metrics went while they were read, \(Self.attempts) times", operation: "read samples",
            hint: "try again")
    }

    /// Between the look at the catalogue and the read a table may have been sealed and dropped, or dropped by retention.
    private static let attempts = 6

    /// Nil where one of the tables is gone that the catalogue named.
    private func loadAsCatalogued(_ selections: [Selection], _ span: Selection) async throws -> [[SeriesData]]? {
        let style: PartitioningStyle = try await partitioning.style()
        let visit: Visit = try await pool.withConnection { (connection) throws(DatabaseError) in
            try visited(selections, span, style, connection)
        }
        let answers: [Reading.Answer]
        if let done = visit.answers { answers = done } else { answers = await inHalves(visit.statements) }
        var rest: ArraySlice<Reading.Answer> = answers[...]
        var data: [[SeriesData]] = []
        for reading in visit.readings {
            let own: [[Reading.Answer]] = reading.steps.map { step in
                defer { rest = rest.dropFirst(step.statements.count) }
                return Array(rest.prefix(step.statements.count))
            }
            guard let series = try reading.series(own, rollupCache, sampleQuery: { query(reading.plan, $0) }) else {
                return nil
            }
            data.append(series)
        }
        return data
    }

    private struct Visit: Sendable {
        var readings: [Reading]
        /// Nil where the statements are worth two connections.
        var answers: [Reading.Answer]?

        var statements: [Reading.Statement] { readings.flatMap { $0.steps.flatMap(\.statements) } }
    }

    private func visited(
        _ selections: [Selection], _ span: Selection, _ style: PartitioningStyle,
        _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> Visit {
        var look: StoreLook = try .take(
            after: span.instants.after, before: span.instants.before, knownHorizon: directory.horizon, on: connection)
        if style == .hypertable { look.tables = [.init(content: .init(table: "frames", isSealed: false))] }
        let plans: [ReadPlan] = try directory.current(after: look, on: connection) { index in
            selections.map { index.plan($0.matchers) }
        }
        var visit = Visit(readings: [])
        for (selection, plan) in zip(selections, plans) {
            visit.readings.append(Reading(selection, plan, look, rollupCache) { query(plan, $0) })
        }
        if !visit.statements.contains(where: \.isLarge) {
            visit.answers = visit.statements.map { connection.answer($0) }
        }
        return visit
    }

    private func inHalves(_ statements: [Reading.Statement]) async -> [Reading.Answer] {
        // Every other one, as halves of one table's rows are neighbours.
        async let odd: [Reading.Answer] = answers(stride(from: 1, to: statements.count, by: 2).map { statements[$0] })
        let even: [Reading.Answer] = await answers(stride(from: 0, to: statements.count, by: 2).map { statements[$0] })
        let others: [Reading.Answer] = await odd
        return statements.indices.map { $0 % 2 == 0 ? even[$0 / 2] : others[$0 / 2] }
    }

    private func answers(_ statements: [Reading.Statement]) async -> [Reading.Answer] {
        do throws(DatabaseError) {
            return try await pool.withConnection { (connection) throws(DatabaseError) in
                statements.map { connection.answer($0) }
            }
        } catch { return statements.map { _ in .failure(error) } }
    }

    private func query(_ plan: ReadPlan, _ selection: Selection) -> SampleQuery {
        SampleQuery(plan, selection, compression, mostSamples: Self.mostSamples)
    }
}

extension PostgresConnection {
    fileprivate func answer(_ statement: Reading.Statement) -> Reading.Answer {
        do throws(DatabaseError) {
            return .success(try prepared(statement.sql, statement.parameters, format: .binary))
        } catch { return .failure(error) }
    }
}

extension Selection {
    /// The time of all of them; nil where there is none.
    fileprivate static func span(of selections: [Selection]) -> Selection? {
        guard var span = selections.first else { return nil }
        for selection in selections {
            (span.after, span.through) = (min(span.after, selection.after), max(span.through, selection.through))
        }
        return span
    }
}
