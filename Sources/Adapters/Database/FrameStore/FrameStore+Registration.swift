import Crypto
import Declarations
package import Telemetry

// Sources, series and layouts are registered in transactions of their own, before the frames: they are facts that stay
// true when the frames are refused, and concurrent first writers meet on a unique key instead of waiting for each other's
// frames.
extension FrameStore {
    /// How long a list that was cut is stored cut, before the limits are looked at again.
    private static let refusalSpan = PromDuration.minutes(1)

    /// The sources whose lists of series change more than 20 times an hour: each of their series is stored by itself.
    package func restlessSources(now: Timestamp) -> [Source] { registry.restless(now: now) }

    /// How the frames of a batch become rows: from memory, or with everything about it registered.
    func plan(for write: FrameWrite) async throws(DatabaseError) -> FramePlan {
        let now: Timestamp = self.now()
        if let known = registry.plan(for: write, now: now) { return known }
        let made: FramePlan = try await register(write, now: now)
        var plan: FramePlan = made
        plan.becameRestless = false
        registry.remember(plan, for: write)
        return made
    }

    private func register(_ write: FrameWrite, now: Timestamp) async throws(DatabaseError) -> FramePlan {
        let room: Int = limits.seriesPerHost - registry.seriesOfOthers(besides: write.source, now: now)
        let (admitted, isRestless): ([Int], Bool) = registry.withUse(of: write.source) { use in
            (
                use.admit(write.series, limit: min(limits.seriesPerSource, max(0, room)), now: now),
                use.isRestless(now: now)
            )
        }
        let isWhole: Bool = admitted.count == write.series.count
        let series: [Series] = isWhole ? write.series : admitted.map { write.series[$0] }
        var split: [LayoutPart] = isRestless ? FrameLayout.single(series) : FrameLayout.parts(of: series)
        var layouts: [Int] = try await identifiers(of: split, now: now)
        let (source, fresh): (Int, Int) = try await pair(write.source, with: layouts)
        let becomesRestless: Bool =
            !isRestless
            && registry.withUse(of: write.source) { $0.noteNewLayouts(fresh, limit: limits.newLayouts, now: now) }
        if becomesRestless {
            split = FrameLayout.single(series)
            layouts = try await identifiers(of: split, now: now)
            _ = try await pair(write.source, with: layouts)
        }
        let parts: [RegisteredPart] = zip(split, layouts).map { part, layout in
            let columns: [Int] = isWhole ? part.columns : part.columns.map { admitted[$0] }
            return RegisteredPart(layout: layout, columns: isWhole && split.count == 1 ? nil : columns)
        }
        let refused: Set<Int> = isWhole ? [] : Set(write.series.indices).subtracting(admitted)
        return FramePlan(
            source: source, parts: parts, refused: refused.sorted(),
            expires: now + (isWhole ? FrameRegistry.trust : Self.refusalSpan), becameRestless: becomesRestless)
    }

    private func identifiers(of parts: [LayoutPart], now: Timestamp) async throws(DatabaseError) -> [Int] {
        var identifiers: [Int] = []
        for part in parts {
            if let known = registry.layout(part.series, now: now) {
                identifiers.append(known)
            } else {
                let id: Int = try await identifier(ofLayout: part.series)
                registry.remember(part.series, id, now: now)
                identifiers.append(id)
            }
        }
        return identifiers
    }

    private func identifier(ofLayout series: [Series]) async throws(DatabaseError) -> Int {
        let hash: [UInt8] = Array(SHA256.hash(data: Array(series.map(\.description).joined(separator: "\n").utf8)))
        return try await pool.withConnection { (connection) throws(DatabaseError) in
            let present: SQLResult = try connection.execute("SELECT id FROM layouts WHERE hash = $1", [.bytes(hash)])
            if let row = present.rows.first { return try row.int("id") }
            let members: [Int] = try Self.identifiers(of: series, connection)
            return try connection.execute(
                """
                INSERT INTO layouts (hash, series) VALUES ($1, $2)
                ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id
                """, [.bytes(hash), .integerArray(members)]
            ).only().int("id")
        }
    }

    /// The series' identifiers in the same order, new ones made.
    private static func identifiers(
        of series: [Series], _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> [Int] {
        let names: SQLValue = .textArray(series.map(\.name))
        let labels: SQLValue = .textArray(series.map(\.labels.dictionary.json.canonicalText))
        // In order of the key, so that two first writers of the same series cannot wait for each other.
        _ = try connection.execute(
            """
            INSERT INTO series (name, labels)
            SELECT name, labels::jsonb FROM unnest($1::text[], $2::text[]) AS wanted (name, labels)
            ORDER BY name, labels ON CONFLICT (name, labels) DO NOTHING
            """, [names, labels])
        let result: SQLResult = try connection.execute(
            """
            SELECT series.id FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (name, labels, position)
            JOIN series ON series.name = wanted.name AND series.labels = wanted.labels::jsonb ORDER BY wanted.position
            """, [names, labels])
        guard result.rows.count == series.count else {
            throw DatabaseError(
                .usage, "\(series.count) series were registered, \(result.rows.count) found",
                operation: "register series")
        }
        var identifiers: [Int] = []
        for row in result.rows { identifiers.append(try row.int("id")) }
        return identifiers
    }

    /// Notes that a source, which may be new, uses layouts. Answers the source's identifier and how many of the layouts
    /// it had never used. One statement, because a thousand hosts come at once after a start.
    private func pair(
        _ source: Source, with layouts: [Int]
    ) async throws(DatabaseError) -> (source: Int, fresh: Int) {
        let row: SQLRow = try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.prepared(
                Self.pairing, [.text(source.host), .text(source.producer), .integerArray(layouts)]
            ).only()
        }
        return (try row.int("source"), try row.int("fresh"))
    }

    /// The update changes nothing; it makes RETURNING give the row of who was faster.
    private static let pairing = """
        WITH present AS (SELECT id FROM sources WHERE host = $1 AND producer = $2), made AS (
            INSERT INTO sources (host, producer) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM present)
            ON CONFLICT (host, producer) DO UPDATE SET producer = excluded.producer RETURNING id
        ), known AS (SELECT id FROM present UNION ALL SELECT id FROM made), paired AS (
            INSERT INTO source_layouts (source, layout) SELECT known.id, layout
            FROM known CROSS JOIN unnest($3::integer[]) AS wanted (layout) ORDER BY layout
            ON CONFLICT DO NOTHING RETURNING layout
        )
        SELECT known.id AS source, (SELECT count(*) FROM paired) AS fresh FROM known
        """
}
