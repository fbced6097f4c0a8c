import PromQL
import Telemetry

/// How one selection is read: which stretches of its time from rollups and which from samples, and by which statements.
/// A value made from a look at the store; running the statements is ``FrameStore``'s.
struct Reading: Sendable {
    let plan: ReadPlan
    /// Nil where all of it comes from samples.
    let rolled: Rolled?
    /// In order of time.
    private(set) var steps: [Step] = []

    struct Rolled: Sendable {
        var width: BucketWidth
        var reader: RollupReader
        /// Whether the answer is the samples'.
        var isExact: Bool
        var edition: RollupCache.Edition
    }

    struct Step: Sendable {
        var selection: Selection
        /// What memory has of rollups, by place; nil where samples are read.
        var known: [RollupColumn?]?
        var hours: Range<Int64> = 0..<0
        /// Whether blocks are taken as a whole where they can: the answer is buckets then.
        var isSummarised = false
        var statements: [Statement] = []
    }

    struct Statement: Sendable {
        var sql: String
        var parameters: [SQLValue]
        /// Of samples: what the table holds.
        var content: PartitionContent?
        /// Worth a connection of its own.
        var isLarge = false
    }

    init(
        _ selection: Selection, _ plan: ReadPlan, _ look: StoreLook, _ cache: RollupCache,
        sampleQuery: (Selection) -> SampleQuery
    ) {
        self.plan = plan
        let found: (cover: RollupCover, rolled: Rolled)? =
            plan.isEmpty ? nil : Self.rolled(selection, plan, look)
        rolled = found?.rolled
        guard !plan.isEmpty else { return }
        let summarised: Set<String> = rolled?.isExact == false ? [] : Self.summarised(selection, plan, look)
        let whole = RollupCover.Stretch(after: selection.after, through: selection.through, isRolledUp: false)
        for stretch in found?.cover.stretches ?? [whole] {
            var part: Selection = selection
            (part.after, part.through) = (stretch.after, stretch.through)
            if stretch.isRolledUp, let rolled {
                steps.append(Self.step(part, stretch.hours, rolled, look, cache))
            } else {
                let query: SampleQuery = sampleQuery(part)
                let statements: [Statement] = look.contents(overlapping: part).flatMap { content in
                    let parts: [[SQLValue]] = query.parts(content)
                    let sql: String = query.statement(content, withSummaries: summarised.contains(content.table))
                    return parts.map {
                        Statement(sql: sql, parameters: $0, content: content, isLarge: parts.count > 1)
                    }
                }
                steps.append(Step(selection: part, isSummarised: !summarised.isEmpty, statements: statements))
            }
        }
    }

    private static func rolled(
        _ selection: Selection, _ plan: ReadPlan, _ look: StoreLook
    ) -> (RollupCover, Rolled)? {
        let edition = RollupCache.Edition(store: look.store, generation: look.rollups.generation)
        if let use = selection.buckets, let cover = RollupCover.exact(selection, look.rollups),
            let reader = RollupReader(plan, width: cover.width, purpose: use.purpose)
        {
            return (cover, Rolled(width: cover.width, reader: reader, isExact: true, edition: edition))
        }
        guard let cover = RollupCover.substitute(selection, look.rollups),
            let reader = RollupReader(plan, width: cover.width, purpose: .lastSamples)
        else { return nil }
        return (cover, Rolled(width: cover.width, reader: reader, isExact: false, edition: edition))
    }

    /// The tables of blocks that the summaries of their blocks may stand for: the selection is one window of a function
    /// that needs no more, no series comes from two sources, and nothing came late that could replace values of a block.
    private static func summarised(_ selection: Selection, _ plan: ReadPlan, _ look: StoreLook) -> Set<String> {
        guard let use = selection.buckets, use.isOneWindow, case .windows(let columns) = use.purpose,
            columns.isSubset(of: [.count, .sum, .extremes])
        else { return [] }
        let sealed = look.tables.filter { table in
            table.content.isSealed && !look.tables.contains { !$0.content.isSealed && $0.overlaps(table) }
        }
        guard !sealed.isEmpty, RollupReader(plan, width: .hour, purpose: use.purpose) != nil else { return [] }
        return Set(sealed.map(\.content.table))
    }

    // MARK: Rollups

    /// Rows that are worth a second connection.
    private static let worthTwo: Int64 = 200

    private static func step(
        _ part: Selection, _ hours: Range<Int64>, _ rolled: Rolled, _ look: StoreLook, _ cache: RollupCache
    ) -> Step {
        let reader: RollupReader = rolled.reader
        let known: [RollupColumn?] = cache.columns(reader.keys, hours, rolled.edition)
        var step = Step(selection: part, known: known, hours: hours)
        let missing = reader.wanted.filter { known[$0.place] == nil }
        guard !missing.isEmpty else { return step }
        let rows: Int64 = Int64(missing.count) * Int64(hours.count) / BucketWidth.hour.milliseconds
        let isLarge: Bool = rows > worthTwo && missing.count > 1
        let halves = isLarge ? [missing[..<(missing.count / 2)], missing[(missing.count / 2)...]] : [missing[...]]
        for table in look.rollups.tables[rolled.width] ?? [] {
            for half in halves {
                step.statements.append(
                    Statement(
                        sql: reader.statement(table), parameters: reader.parameters(half, hours), isLarge: isLarge))
            }
        }
        return step
    }
}

// MARK: Answers

extension Reading {
    typealias Answer = Result<SQLResult, DatabaseError>

    /// The series, from the answers to the statements of all steps. Nil where a table of samples is gone that the look
    /// named: sealed and dropped since, or dropped by retention.
    func series(
        _ answers: [[Answer]], _ cache: RollupCache, sampleQuery: (Selection) -> SampleQuery
    ) throws -> [SeriesData]? {
        guard let rolled else {
            var assembly = SeriesAssembly(plan) { _, element in element.labels }
            for (step, answers) in zip(steps, answers) {
                guard try add(step, answers, sampleQuery, to: &assembly) else { return nil }
            }
            if let step = steps.first, step.isSummarised {
                return assembly.buckets(width: .hour, through: step.selection.through).map {
                    SeriesData(labels: $0.key, buckets: $0.buckets)
                }
            }
            return assembly.ordered().map { SeriesData(labels: $0.key, times: $0.times, values: $0.values) }
        }
        var places: [Labels: Int] = [:]
        for (place, labels) in rolled.reader.labels.enumerated() { places[labels] = place }
        var columns = [RollupColumn](repeating: RollupColumn(), count: rolled.reader.labels.count)
        for (step, answers) in zip(steps, answers) {
            if let known = step.known {
                for (place, column) in try rollups(step, known, answers, rolled, cache).enumerated() {
                    columns[place].append(
                        column.part(
                            after: step.selection.after, through: step.selection.through, width: rolled.width))
                }
                continue
            }
            var assembly = SeriesAssembly(plan) { _, element in element.labels }
            guard try add(step, answers, sampleQuery, to: &assembly) else { return nil }
            if step.isSummarised {
                for (labels, buckets) in assembly.buckets(width: rolled.width, through: step.selection.through) {
                    if let place = places[labels] { columns[place].buckets += buckets }
                }
                continue
            }
            for (labels, times, values) in assembly.ordered() {
                guard let place = places[labels] else { continue }
                columns[place].append(
                    RollupColumn(times, values, through: step.selection.through, rolled.reader))
            }
        }
        return zip(rolled.reader.labels, columns).compactMap { data($0, $1, rolled) }
    }

    private func add(
        _ step: Step, _ answers: [Answer], _ sampleQuery: (Selection) -> SampleQuery,
        to assembly: inout SeriesAssembly<Labels>
    ) throws -> Bool {
        let query: SampleQuery = sampleQuery(step.selection)
        for (statement, answer) in zip(step.statements, answers) {
            if case .failure(let error) = answer, error.isUndefinedTable { return false }
            guard let content = statement.content else { continue }
            try query.add(try answer.get(), of: content, to: &assembly)
        }
        return true
    }

    /// Whole hours of every place, from memory and from rows.
    private func rollups(
        _ step: Step, _ known: [RollupColumn?], _ answers: [Answer], _ rolled: Rolled, _ cache: RollupCache
    ) throws -> [RollupColumn] {
        var columns: [RollupColumn] = known.map { $0 ?? RollupColumn() }
        guard !answers.isEmpty else { return columns }
        for answer in answers {
            // Dropped by retention since the look.
            if case .failure(let error) = answer, error.isUndefinedTable { continue }
            rolled.reader.add(try answer.get(), to: &columns)
        }
        var news: [(key: RollupCache.Key, column: RollupColumn)] = []
        for (place, key) in rolled.reader.keys.enumerated() where known[place] == nil {
            columns[place].sort()
            news.append((key, columns[place]))
        }
        cache.insert(news, step.hours, rolled.edition)
        return columns
    }

    private func data(_ labels: Labels, _ column: RollupColumn, _ rolled: Rolled) -> SeriesData? {
        var series: SeriesData
        switch rolled.reader.purpose {
        case .lastSamples:
            guard !column.times.isEmpty else { return nil }
            series = SeriesData(labels: labels, times: column.times, values: column.values)
        case .windows:
            guard !column.buckets.isEmpty else { return nil }
            series = SeriesData(labels: labels, buckets: column.buckets)
        }
        series.resolution = rolled.width
        if !rolled.isExact { series.goneBefore = steps.last { $0.known != nil }?.selection.through }
        return series
    }
}
