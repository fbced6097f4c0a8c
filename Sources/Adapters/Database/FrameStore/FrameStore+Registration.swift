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
        let source: Int = try await identifier(of: write.source)
        var layouts: [Int] = try await identifiers(of: split, now: now)
        let fresh: Int = try await pair(source, with: layouts)
        let becomesRestless: Bool =
            !isRestless
            && registry.withUse(of: write.source) { $0.noteNewLayouts(fresh, limit: limits.newLayouts, now: now) }
        if becomesRestless {
            split = FrameLayout.single(series)
            layouts = try await identifiers(of: split, now: now)
            _ = try await pair(source, with: layouts)
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

    private func identifier(of source: Source) async throws(DatabaseError) -> Int {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let names: [SQLValue] = [.text(source.host), .text(source.producer)]
            let present: SQLResult = try connection.execute(
                "SELECT id FROM sources WHERE host = $1 AND producer = $2", names)
            if let row = present.rows.first { return try row.int("id") }
            // The update changes nothing; it makes RETURNING give the row of who was faster.
            return try connection.execute(
                """
                INSERT INTO sources (host, producer) VALUES ($1, $2)
                ON CONFLICT (host, producer) DO UPDATE SET producer = excluded.producer RETURNING id
                """, names
            ).only().int("id")
        }
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

    /// Notes that a source uses layouts. Answers how many of them it had never used.
    private func pair(_ source: Int, with layouts: [Int]) async throws(DatabaseError) -> Int {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                INSERT INTO source_layouts (source, layout) SELECT $1::integer, layout
                FROM unnest($2::integer[]) AS wanted (layout) ORDER BY layout ON CONFLICT DO NOTHING
                """, [.integer(source), .integerArray(layouts)]
            ).affected
        }
    }
}
