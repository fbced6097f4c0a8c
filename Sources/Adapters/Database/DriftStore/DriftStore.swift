package import Declarations
package import Reconciliation
package import Telemetry

/// The drift ledger, as reports brought it.
package struct DriftStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Which entries are asked for; what is nil does not matter.
    package struct Filter: Hashable, Sendable {
        package var state: DriftEntry.State?
        package var kind: String?
        package var name: String?
        package var host: String?
        /// Detected in `from` ≤ t < `to`.
        package var from: Timestamp?
        package var to: Timestamp?

        package init(
            state: DriftEntry.State? = nil, kind: String? = nil, name: String? = nil, host: String? = nil,
            from: Timestamp? = nil, to: Timestamp? = nil
        ) {
            self.state = state
            self.kind = kind
            self.name = name
            self.host = host
            self.from = from
            self.to = to
        }
    }

    /// Entries, the newest first. `before` is the id of the last one of the page before.
    package func list(
        _ filter: Filter = Filter(), limit: Int, before: ULID? = nil
    ) async throws(DatabaseError) -> [JSONValue] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                """
                SELECT entry FROM plumbline.drift
                WHERE \(Self.condition) AND ($7::text IS NULL OR id < $7)
                ORDER BY id DESC LIMIT $8::bigint
                """, Self.values(filter) + [.optional(before?.description), .integer(max(0, limit))])
            var entries: [JSONValue] = []
            for row in found.rows { entries.append(try row.json("entry")) }
            return entries
        }
    }

    /// How many entries there are and how long detection and healing took: medians, 95th percentiles, longest.
    package func summary(_ filter: Filter = Filter()) async throws(DatabaseError) -> JSONValue {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let found = try connection.execute(
                """
                SELECT jsonb_strip_nulls(jsonb_build_object(
                    'count', count(*), 'open', count(*) FILTER (WHERE state = 'open'),
                    'detectSeconds', \(Self.quantiles("detect_seconds")),
                    'healSeconds', \(Self.quantiles("heal_seconds")))) AS summary
                FROM plumbline.drift WHERE \(Self.condition)
                """, Self.values(filter))
            guard let row = found.rows.first else { return .object([:]) }
            return try row.json("summary")
        }
    }

    private static let condition = """
        ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR name = $3)
            AND ($4::text IS NULL OR host = $4) AND ($5::timestamptz IS NULL OR detected_at >= $5)
            AND ($6::timestamptz IS NULL OR detected_at < $6)
        """

    private static func values(_ filter: Filter) -> [SQLValue] {
        [
            .optional(filter.state?.rawValue), .optional(filter.kind), .optional(filter.name), .optional(filter.host),
            filter.from.map(SQLValue.time) ?? .null, filter.to.map(SQLValue.time) ?? .null,
        ]
    }

    /// Null where no entry has the number.
    private static func quantiles(_ column: String) -> String {
        """
        CASE WHEN count(\(column)) > 0 THEN jsonb_build_object(
            'p50', percentile_cont(0.5) WITHIN GROUP (ORDER BY \(column)),
            'p95', percentile_cont(0.95) WITHIN GROUP (ORDER BY \(column)), 'max', max(\(column))) END
        """
    }
}

extension PostgresConnection {
    /// Adds entries and brings known ones up to date, whatever the order in which their forms arrive.
    func save(drift entries: [DriftEntry]) throws(DatabaseError) {
        let valid: [DriftEntry] = entries.filter { ULID($0.id) != nil }
        guard !valid.isEmpty else { return }
        let newest = Dictionary(valid.map { ($0.id, $0) }) { $0.updatedAt > $1.updatedAt ? $0 : $1 }
        let items: [JSONValue] = newest.values.sorted { $0.id < $1.id }.map(\.json)
        _ = try execute(
            """
            INSERT INTO plumbline.drift (
                id, detected_at, changed_at, who, via, target, host, kind, name, state, result, ended_at, updated_at,
                detect_seconds, heal_seconds, entry)
            SELECT entry ->> 'id', (entry ->> 'detectedAt')::timestamptz,
                (entry -> 'changedBy' ->> 'at')::timestamptz, entry -> 'changedBy' ->> 'who',
                entry -> 'changedBy' ->> 'via', entry ->> 'target', entry ->> 'host', entry ->> 'kind',
                entry ->> 'name', entry ->> 'state', entry ->> 'result', (entry ->> 'endedAt')::timestamptz,
                (entry ->> 'updatedAt')::timestamptz, (entry -> 'detectSeconds')::float8,
                (entry -> 'healSeconds')::float8, entry
            FROM jsonb_array_elements($1) AS entry
            ON CONFLICT (id) DO UPDATE SET
                state = excluded.state, result = excluded.result, ended_at = excluded.ended_at,
                updated_at = excluded.updated_at, heal_seconds = excluded.heal_seconds, entry = excluded.entry
            WHERE drift.updated_at <= excluded.updated_at
            """, [.json(.array(items))])
    }
}
