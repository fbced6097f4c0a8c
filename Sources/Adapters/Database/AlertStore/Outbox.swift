package import Declarations
package import Telemetry

/// Notifications on their way: claimed, delivered, tried again, given up.
package struct Outbox: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    package struct Item: Sendable {
        package var id: Int
        package var notifier: String
        package var dedupeKey: String
        package var body: JSONValue
        /// How often it was tried before.
        package var attempts: Int
        /// The form of the notifier to use, whatever is declared; nil for the one that is declared now.
        package var via: JSONValue?
    }

    /// The notifier that delivered last, in the form that it had then.
    package struct LastDelivery: Hashable, Sendable {
        package var notifier: String
        package var form: JSONValue

        package init(notifier: String, form: JSONValue) {
            self.notifier = notifier
            self.form = form
        }
    }

    /// Takes what is due, except for the notifiers named, for `span`: should this server die meanwhile, another takes it up afterwards. Receivers see a
    /// repeat by its `dedupeKey`.
    package func claim(
        limit: Int, for span: PromDuration, except notifiers: [String] = []
    ) async throws -> [Item] {
        try await pool.withConnection { connection throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                UPDATE outbox SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $2::float8)
                WHERE id IN (
                    SELECT id FROM outbox WHERE state = 'waiting' AND next_attempt_at <= now()
                        AND NOT notifier = ANY ($3::text[])
                    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
                RETURNING id, notifier, dedupe_key, body, attempts, via
                """, [.integer(limit), .double(span.seconds), .textArray(notifiers)])
            var items: [Item] = []
            for row in result.rows {
                items.append(
                    Item(
                        id: try row.int("id"), notifier: try row.string("notifier"),
                        dedupeKey: try row.string("dedupe_key"), body: try row.json("body"),
                        attempts: try row.int("attempts") - 1, via: row["via"].json))
            }
            return items.sorted { $0.id < $1.id }
        }
    }

    package func delivered(_ id: Int) async throws {
        try await run(
            "UPDATE outbox SET state = 'delivered', delivered_at = now(), last_error = NULL WHERE id = $1",
            [.integer(id)])
    }

    /// Remembers that a notifier delivered, in its present form. Not more often than there is something to remember.
    package func remember(_ delivery: LastDelivery) async throws {
        try await run(
            """
            INSERT INTO last_delivery AS known (notifier, spec) VALUES ($1, $2)
            ON CONFLICT (is_only) DO UPDATE SET notifier = excluded.notifier, spec = excluded.spec, at = now()
            WHERE (known.notifier, known.spec) <> (excluded.notifier, excluded.spec)
            """, [.text(delivery.notifier), .json(delivery.form)])
    }

    package func lastDelivery() async throws -> LastDelivery? {
        try await pool.withConnection { connection throws(DatabaseError) in
            guard let row = try connection.execute("SELECT notifier, spec FROM last_delivery").rows.first else {
                return nil
            }
            return LastDelivery(notifier: try row.string("notifier"), form: try row.json("spec"))
        }
    }

    package func failed(_ id: Int, error: String, retryAfter span: PromDuration) async throws {
        try await run(
            "UPDATE outbox SET last_error = $2, next_attempt_at = now() + make_interval(secs => $3::float8) WHERE id = $1",
            [.integer(id), .text(error), .double(span.seconds)])
    }

    /// Gives up: the item stays, marked dead, with its last error.
    package func abandoned(_ id: Int, error: String) async throws {
        try await run("UPDATE outbox SET state = 'dead', last_error = $2 WHERE id = $1", [.integer(id), .text(error)])
    }

    /// The delivery log, newest first: `{id, notifier, state, attempts, createdAt, deliveredAt, lastError, notification}`.
    package func log(limit: Int) async throws -> [JSONValue] {
        try await pool.withConnection { connection throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                "SELECT * FROM outbox ORDER BY id DESC LIMIT $1", [.integer(limit)])
            var entries: [JSONValue] = []
            for row in result.rows {
                entries.append(
                    .object(compacting: [
                        "id": .integer(try row.int("id")), "notifier": .string(try row.string("notifier")),
                        "state": .string(try row.string("state")), "attempts": .integer(try row.int("attempts")),
                        "createdAt": .time(try row.time("created_at")),
                        "deliveredAt": row["delivered_at"].time.map(JSONValue.time),
                        "lastError": row["last_error"].string.map(JSONValue.string),
                        "notification": try row.json("body"),
                    ]))
            }
            return entries
        }
    }

    private func run(_ sql: String, _ parameters: [SQLValue]) async throws {
        _ = try await pool.withConnection { connection throws(DatabaseError) in
            try connection.execute(sql, parameters).affected
        }
    }
}
