import Declarations
package import Pipelines
package import Telemetry

/// Events: what applications say has happened, in partitions by time.
///
/// Low in number beside samples, so statements go through the parent table; retention drops partitions and waits for
/// readers at most 200 ms at a time.
package struct EventStore: Sendable {
    let pool: DatabasePool
    package let partitions: TimePartitions

    package init(pool: DatabasePool) {
        self.pool = pool
        partitions = TimePartitions(pool, dataset: "events", table: "events")
    }

    /// Stores events in one transaction and gives how many of them were not there already.
    package func store(_ events: [Event]) async throws(DatabaseError) -> Int {
        guard !events.isEmpty else { return 0 }
        try await Self.preparePartitions(for: events, pool)
        let rows: [EventRow] = events.map { EventRow(event: $0, document: nil) }
        do {
            return try await pool.transaction { connection in
                try connection.insertEvents(rows, pipeline: nil).count
            }
        } catch let error as DatabaseError { throw error } catch {
            throw DatabaseError(.usage, "\(error)", operation: "store events")
        }
    }

    /// Makes the partitions that `events` need, apart from the transaction that writes them: who makes one holds a lock
    /// that all makers of partitions wait for.
    static func preparePartitions(for events: [Event], _ pool: DatabasePool) async throws(DatabaseError) {
        let days: Set<Timestamp> = Set(events.map { $0.time.floored(to: .days(1)) })
        // Both ends of each day: a partition that begins within a day is found too.
        let times: [String] = days.sorted().flatMap { [$0, $0 + .milliseconds(86_399_999)] }.map(\.rfc3339)
        try await pool.withConnection { (connection) throws(DatabaseError) in
            for time in times { _ = try connection.execute("SELECT event_partition($1::timestamptz)", [.text(time)]) }
        }
    }

    /// Forgets the keys of events before `edge`, whose partitions are gone, at most `limit`; gives how many.
    package func forgetKeys(before edge: Timestamp, limit: Int = 10_000) async throws(DatabaseError) -> Int {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                DELETE FROM event_keys WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM event_keys WHERE time < $1::timestamptz LIMIT $2::bigint))
                """, [.time(edge), .integer(limit)]
            ).affected
        }
    }
}

/// An event on its way into the table, with the document of its pipeline that it comes from.
struct EventRow: Sendable {
    var event: Event
    var document: String?
}

extension PostgresConnection {
    /// Inserts what is not there yet, by source and id and by the pipeline's document; gives the places in `rows` of
    /// what was inserted.
    func insertEvents(_ rows: [EventRow], pipeline: String?) throws(DatabaseError) -> Set<Int> {
        var inserted: Set<Int> = []
        for part in Self.parts(rows) {
            let result: SQLResult = try execute(
                """
                WITH wanted AS MATERIALIZED (
                    SELECT * FROM jsonb_to_recordset($1) AS item (place bigint, time timestamptz, source text,
                        type text, source_id text, host text, payload jsonb, meta jsonb, document text)
                ), fresh AS (
                    INSERT INTO event_keys (source, source_id, time, pipeline, document)
                    SELECT source, source_id, time, $2, document FROM wanted ORDER BY source, source_id
                    ON CONFLICT DO NOTHING RETURNING source, source_id
                ), stored AS (
                    INSERT INTO events (time, source, type, source_id, host, payload, meta, pipeline)
                    SELECT time, source, type, source_id, host, payload, meta, $2
                    FROM wanted JOIN fresh USING (source, source_id) ORDER BY time, place
                )
                SELECT wanted.place FROM wanted JOIN fresh USING (source, source_id)
                """, [.json(.array(part.map { Self.item($0.place, $0.row) })), .optional(pipeline)])
            for row in result.rows { inserted.insert(try row.int("place")) }
        }
        return inserted
    }

    /// Bytes of one statement's parameter, roughly.
    private static var partBytes: Int { 8 << 20 }

    /// The rows, each key once, in parts of a size that a statement takes.
    private static func parts(_ rows: [EventRow]) -> [[(place: Int, row: EventRow)]] {
        struct Key: Hashable {
            var source: String
            var id: String
        }
        var keys: Set<Key> = []
        var documents: Set<String> = []
        var parts: [[(place: Int, row: EventRow)]] = []
        var room = 0
        for (place, row) in rows.enumerated() {
            guard keys.insert(Key(source: row.event.source, id: row.event.sourceID)).inserted else { continue }
            if let document = row.document, !documents.insert(document).inserted { continue }
            let bytes: Int = row.event.payload.canonical.count + row.event.meta.canonical.count + 200
            if bytes > room || parts.isEmpty {
                parts.append([])
                room = partBytes
            }
            parts[parts.count - 1].append((place, row))
            room -= bytes
        }
        return parts
    }

    private static func item(_ place: Int, _ row: EventRow) -> JSONValue {
        .object(compacting: [
            "place": .integer(place), "time": .time(row.event.time), "source": .string(row.event.source),
            "type": .string(row.event.type), "source_id": .string(row.event.sourceID),
            "host": row.event.host.map(JSONValue.string), "payload": row.event.payload, "meta": row.event.meta,
            "document": row.document.map(JSONValue.string),
        ])
    }
}
