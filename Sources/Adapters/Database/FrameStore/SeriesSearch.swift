import PromQL
import Telemetry

/// Finds out which of a plan's elements have something in a selection's time.
///
/// Nearly always the newest frame or block of a source says it for all its series at once; only those that it lacks are
/// looked for one by one. A table that was dropped meanwhile has nothing.
struct SeriesSearch {
    private struct Item {
        var pair: ReadPlan.Pair
        var element: ReadPlan.Element
    }

    private(set) var found: Set<Labels> = []
    private var waiting: [Item]
    private let selection: Selection
    private let look: StoreLook

    init(_ selection: Selection, _ plan: ReadPlan, _ look: StoreLook) {
        self.selection = selection
        self.look = look
        waiting = plan.elements.flatMap { pair, elements in elements.map { Item(pair: pair, element: $0) } }
    }

    mutating func run(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        // The newest first: most series are in it.
        for content in look.contents(overlapping: selection).reversed() {
            try lookAtNewest(content, connection)
            try lookAtEach(content, connection)
        }
        try lookAtRollups(connection)
    }

    private mutating func take(_ isFound: (_ place: Int, Item) -> Bool) {
        for (place, item) in waiting.enumerated() where isFound(place, item) { found.insert(item.element.labels) }
        waiting.removeAll { found.contains($0.element.labels) }
    }

    private mutating func take(places rows: SQLRows?) throws(DatabaseError) {
        guard let rows else { return }
        var places: Set<Int> = []
        // Ordinality counts from 1.
        for row in rows { places.insert(try row.int("place") - 1) }
        take { place, _ in places.contains(place) }
    }

    private func rows(
        _ connection: isolated PostgresConnection, _ sql: String, _ parameters: [SQLValue]
    ) throws(DatabaseError) -> SQLRows? {
        do throws(DatabaseError) { return try connection.execute(sql, parameters, format: .binary).rows } catch {
            guard error.isUndefinedTable else { throw error }
            return nil
        }
    }

    // MARK: Samples

    private func names(_ content: PartitionContent) -> (first: String, last: String) {
        content.isSealed ? ("from_time", "last_time") : ("time", "time")
    }

    private mutating func lookAtNewest(
        _ content: PartitionContent, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        guard !waiting.isEmpty else { return }
        let pairs: [ReadPlan.Pair] = Array(Set(waiting.map(\.pair)))
        let (first, last) = names(content)
        // Which positions have nothing: in a block those whose column is the one byte that says so.
        let absent: String =
            content.isSealed
            ? "ARRAY(SELECT n FROM generate_subscripts(ends, 1) AS n WHERE ends[n] - coalesce(ends[n - 1], 0) <= 1)"
            : "array_positions(values, NULL)"
        let newest: SQLRows? = try rows(
            connection,
            """
            SELECT pair.source, pair.layout, held.absent FROM unnest($1::int[], $2::int[]) AS pair (source, layout)
            JOIN LATERAL (SELECT \(absent) AS absent FROM \(content.table) AS t
                WHERE t.source = pair.source AND t.layout = pair.layout
                    AND t.\(last) > $3::timestamptz AND t.\(first) < $4::timestamptz
                ORDER BY t.\(first) DESC LIMIT 1) AS held ON true
            """,
            [.integerArray(pairs.map(\.source)), .integerArray(pairs.map(\.layout))] + selection.bounds)
        guard let newest else { return }
        var present: [ReadPlan.Pair: Set<Int>] = [:]
        for row in newest {
            let pair = ReadPlan.Pair(source: try row.int("source"), layout: try row.int("layout"))
            present[pair] = Set((row["absent"].integers ?? []).compactMap { $0.map { $0 - 1 } })
        }
        take { _, item in present[item.pair].map { !$0.contains(item.element.position) } ?? false }
    }

    private mutating func lookAtEach(
        _ content: PartitionContent, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        guard !waiting.isEmpty else { return }
        let (first, last) = names(content)
        let isThere: String =
            content.isSealed
            ? "ends[item.position] - coalesce(ends[item.position - 1], 0) > 1"
            : "values[item.position] IS NOT NULL"
        let result: SQLRows? = try rows(
            connection,
            """
            SELECT place FROM unnest($1::int[], $2::int[], $3::int[]) WITH ORDINALITY
                AS item (source, layout, position, place)
            WHERE EXISTS (SELECT FROM \(content.table) AS t
                WHERE t.source = item.source AND t.layout = item.layout AND \(isThere)
                    AND t.\(last) > $4::timestamptz AND t.\(first) < $5::timestamptz)
            """,
            [
                .integerArray(waiting.map(\.pair.source)), .integerArray(waiting.map(\.pair.layout)),
                .integerArray(waiting.map { $0.element.position + 1 }),
            ] + selection.bounds)
        try take(places: result)
    }

    // MARK: Rollups

    /// Of the width that reaches back furthest.
    private mutating func lookAtRollups(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        guard
            let width = look.rollups.oldest.min(by: { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) })?.key
        else { return }
        for table in look.rollups.tables[width] ?? [] where !waiting.isEmpty {
            let result: SQLRows? = try rows(
                connection,
                """
                SELECT place FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS item (source, series, place)
                WHERE EXISTS (SELECT FROM \(table) AS t WHERE t.source = item.source AND t.series = item.series
                    AND t.time > $3::timestamptz - interval '1 hour' AND t.time < $4::timestamptz)
                """,
                [.integerArray(waiting.map(\.pair.source)), .integerArray(waiting.map(\.element.series))]
                    + selection.bounds)
            try take(places: result)
        }
    }
}
