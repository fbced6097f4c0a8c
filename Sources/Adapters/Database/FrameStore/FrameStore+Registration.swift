import Crypto
import Declarations
import Telemetry

// Sources, series and layouts are registered in transactions of their own, before the frames: they are facts that stay
// true when the frames are refused, and concurrent first writers meet on a unique key instead of waiting for each other's
// frames.
extension FrameStore {
    /// The rows of a batch with the identifiers of its source and layouts.
    func rows(of write: FrameWrite, order: Int) async throws(DatabaseError) -> [FrameRow] {
        let source: Int = try await identifier(of: write.source)
        let parts: [RegisteredPart] = try await parts(of: write)
        var rows: [FrameRow] = []
        rows.reserveCapacity(parts.count * write.table.times.count)
        for part in parts {
            try await register(FrameRegistry.SourceLayout(source: source, layout: part.layout))
            let table: FrameTable = part.columns.map { write.table.keeping(columns: $0) } ?? write.table
            for (index, time) in table.times.enumerated() {
                rows.append(
                    FrameRow(source: source, time: time, layout: part.layout, values: table.row(index), order: order))
            }
        }
        return rows
    }

    private func parts(of write: FrameWrite) async throws(DatabaseError) -> [RegisteredPart] {
        if let name = write.name, let known = registry.parts(name) { return known }
        let split: [LayoutPart] = FrameLayout.parts(of: write.series)
        var parts: [RegisteredPart] = []
        for part in split {
            parts.append(
                RegisteredPart(
                    layout: try await identifier(ofLayout: part.series), columns: split.count == 1 ? nil : part.columns)
            )
        }
        if let name = write.name { registry.remember(name, parts) }
        return parts
    }

    private func identifier(of source: Source) async throws(DatabaseError) -> Int {
        if let known = registry.source(source) { return known }
        let id: Int = try await pool.withConnection { (connection) throws(DatabaseError) in
            // The update changes nothing; it makes RETURNING give the row that was there.
            try connection.execute(
                """
                INSERT INTO sources (host, producer) VALUES ($1, $2)
                ON CONFLICT (host, producer) DO UPDATE SET producer = excluded.producer RETURNING id
                """, [.text(source.host), .text(source.producer)]
            ).only().int("id")
        }
        registry.remember(source, id)
        return id
    }

    private func identifier(ofLayout series: [Series]) async throws(DatabaseError) -> Int {
        if let known = registry.layout(series) { return known }
        let hash: [UInt8] = Array(SHA256.hash(data: Array(series.map(\.description).joined(separator: "\n").utf8)))
        let id: Int = try await pool.withConnection { (connection) throws(DatabaseError) in
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
        registry.remember(series, id)
        return id
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

    private func register(_ pair: FrameRegistry.SourceLayout) async throws(DatabaseError) {
        guard !registry.knows(pair) else { return }
        _ = try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                "INSERT INTO source_layouts (source, layout) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [.integer(pair.source), .integer(pair.layout)]
            ).affected
        }
        registry.remember(pair)
    }
}
