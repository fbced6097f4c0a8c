package import Declarations
package import Pipelines
package import Telemetry

/// An event as it is stored.
package struct StoredEvent: Hashable, Sendable {
    package var id: Int
    package var event: Event
    package var pipeline: String?
    package var receivedAt: Timestamp

    package var json: JSONValue {
        .object(compacting: [
            "id": .string(event.sourceID), "number": .integer(id), "time": .time(event.time),
            "source": .string(event.source), "type": .string(event.type), "host": event.host.map(JSONValue.string),
            "payload": event.payload, "meta": event.meta, "pipeline": pipeline.map(JSONValue.string),
            "receivedAt": .time(receivedAt),
        ])
    }
}

/// Which events to read.
package struct EventQuery: Hashable, Sendable {
    /// Included.
    package var from: Timestamp
    /// Not included.
    package var to: Timestamp
    package var source: String?
    package var type: String?
    package var host: String?

    package init(
        from: Timestamp, to: Timestamp, source: String? = nil, type: String? = nil, host: String? = nil
    ) {
        self.from = from
        self.to = to
        self.source = source
        self.type = type
        self.host = host
    }

    /// Where a page ended: the next one begins before that.
    package struct Place: Hashable, Sendable {
        package var time: Timestamp
        package var id: Int

        package init(time: Timestamp, id: Int) {
            self.time = time
            self.id = id
        }
    }

    /// By what events are counted.
    package enum Dimension: String, CaseIterable, Hashable, Sendable { case source, type, host }
}

/// How many events one interval has.
package struct EventCount: Hashable, Sendable {
    package var start: Timestamp
    /// The source, type or host; empty for events without host.
    package var key: String
    package var count: Int
}

/// What a source has sent last.
package struct EventFreshness: Hashable, Sendable {
    package var source: String
    package var lastTime: Timestamp
    package var lastReceivedAt: Timestamp
}

extension EventStore {
    /// Events, the newest first, at most `limit`, before `place`. Pages are stable: what is stored meanwhile with an
    /// older time may show on a later page, and nothing shows twice.
    package func events(
        _ query: EventQuery, before place: EventQuery.Place? = nil, limit: Int
    ) async throws(DatabaseError) -> [StoredEvent] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT time, id, source, type, source_id, host, payload, meta, pipeline, received_at FROM events
                WHERE \(Self.condition) AND ($6::timestamptz IS NULL OR (time, id) < ($6::timestamptz, $7::bigint))
                ORDER BY time DESC, id DESC LIMIT $8::bigint
                """,
                Self.parameters(query) + [.optional(place?.time), .optional(place?.id), .integer(limit)])
            var events: [StoredEvent] = []
            for row in result.rows { events.append(try Self.event(row)) }
            return events
        }
    }

    /// Counts by interval and key, ascending; intervals without events are left out.
    package func counts(
        _ query: EventQuery, by dimension: EventQuery.Dimension, bucket: PromDuration
    ) async throws(DatabaseError) -> [EventCount] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT date_bin(make_interval(secs => $6::float8), time, timestamptz '2000-01-01 00:00:00+00') AS start,
                    coalesce(\(dimension.rawValue), '') AS key, count(*) AS count
                FROM events WHERE \(Self.condition) GROUP BY 1, 2 ORDER BY 1, 2
                """, Self.parameters(query) + [.double(bucket.seconds)])
            var counts: [EventCount] = []
            for row in result.rows {
                counts.append(
                    EventCount(start: try row.time("start"), key: try row.string("key"), count: try row.int("count")))
            }
            return counts
        }
    }

    /// The most frequent values of a member of the payload, such as `domain`.
    package func top(
        _ query: EventQuery, payloadMember member: String, limit: Int
    ) async throws(DatabaseError) -> [(value: String, count: Int)] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT payload ->> $6 AS value, count(*) AS count FROM events
                WHERE \(Self.condition) AND payload ->> $6 IS NOT NULL
                GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $7::bigint
                """, Self.parameters(query) + [.text(member), .integer(limit)])
            var values: [(value: String, count: Int)] = []
            for row in result.rows { values.append((try row.string("value"), try row.int("count"))) }
            return values
        }
    }

    /// Each source that has events in the span, with its last.
    package func freshness(_ query: EventQuery) async throws(DatabaseError) -> [EventFreshness] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT source, max(time) AS last_time, max(received_at) AS last_received FROM events
                WHERE \(Self.condition) GROUP BY source ORDER BY source
                """, Self.parameters(query))
            var sources: [EventFreshness] = []
            for row in result.rows {
                sources.append(
                    EventFreshness(
                        source: try row.string("source"), lastTime: try row.time("last_time"),
                        lastReceivedAt: try row.time("last_received")))
            }
            return sources
        }
    }

    private static let condition = """
        time >= $1::timestamptz AND time < $2::timestamptz AND ($3::text IS NULL OR source = $3)
            AND ($4::text IS NULL OR type = $4) AND ($5::text IS NULL OR host = $5)
        """

    private static func parameters(_ query: EventQuery) -> [SQLValue] {
        [
            .time(query.from), .time(query.to), .optional(query.source), .optional(query.type), .optional(query.host),
        ]
    }

    private static func event(_ row: SQLRow) throws(DatabaseError) -> StoredEvent {
        StoredEvent(
            id: try row.int("id"),
            event: Event(
                time: try row.time("time"), source: try row.string("source"), type: try row.string("type"),
                sourceID: try row.string("source_id"), host: row["host"].string, payload: try row.json("payload"),
                meta: try row.json("meta")),
            pipeline: row["pipeline"].string, receivedAt: try row.time("received_at"))
    }
}
