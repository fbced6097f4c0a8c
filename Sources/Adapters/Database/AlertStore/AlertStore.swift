package import Alerting
package import Declarations
package import Telemetry

/// Alerts, their history and the outbox of notifications.
package struct AlertStore: Sendable {
    let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// All alerts by rule, in order of labels.
    package func alerts() async throws -> [String: [AlertInstance]] {
        try await pool.withConnection { connection throws(DatabaseError) in
            let result: SQLResult = try connection.execute("SELECT * FROM alerts ORDER BY rule, labels::text")
            var alerts: [String: [AlertInstance]] = [:]
            for row in result.rows { alerts[try row.string("rule"), default: []].append(try AlertInstance(row)) }
            return alerts
        }
    }

    /// One evaluation's result, with what it makes known to whom.
    package struct Update: Sendable {
        package var rule: String
        package var instances: [AlertInstance]
        package var notifications: [Addressed]
        /// Whether the rule has gone, and this is the end of its alerts.
        package var isLast: Bool

        package init(rule: String, instances: [AlertInstance], notifications: [Addressed], isLast: Bool = false) {
            self.rule = rule
            self.instances = instances
            self.notifications = notifications
            self.isLast = isLast
        }
    }

    /// A notification and the notifiers that it is for.
    package struct Addressed: Sendable {
        package var notification: Notification
        package var notifiers: [String]
        /// The key of the notification that this one ends: it also goes to whoever was told of that one, as far as
        /// they are among `reachable`.
        package var endsKey: String?
        package var reachable: [String]
        /// Receivers by a name of their own that are to be used in a given form, whatever is declared.
        package var forms: [String: JSONValue] = [:]

        package init(
            _ notification: Notification, notifiers: [String], endsKey: String? = nil, reachable: [String] = []
        ) {
            self.notification = notification
            self.notifiers = notifiers
            self.endsKey = endsKey
            self.reachable = reachable
        }
    }

    /// Puts a notice of the server's own into the outbox.
    package func announce(_ addressed: Addressed, under leadership: Leadership) async throws {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            try connection.post(addressed)
        }
    }

    /// Replaces the rule's alerts, and writes history and outbox, in one transaction.
    ///
    /// Writes nothing, and gives false, where the rule has come or gone since the caller looked: it may have been
    /// renamed, and its alerts with it. The caller will see that with the configuration that it loads next.
    @discardableResult
    package func save(_ update: Update, under leadership: Leadership) async throws -> Bool {
        try await pool.transaction { connection in
            try connection.verify(leadership)
            guard try connection.holdsRule(update.rule) != update.isLast else { return false }
            try connection.replaceAlerts(of: update.rule, with: update.instances)
            for addressed in update.notifications {
                try connection.recordHistory(addressed.notification)
                try connection.post(addressed)
            }
            return true
        }
    }

    /// Which transitions are meant. What is nil does not restrict.
    package struct HistoryFilter: Hashable, Sendable {
        package var from: Timestamp?
        /// Not included.
        package var to: Timestamp?
        /// The id of the last entry of the page before.
        package var before: Int?
        package var host: String?

        package init(from: Timestamp? = nil, to: Timestamp? = nil, before: Int? = nil, host: String? = nil) {
            self.from = from
            self.to = to
            self.before = before
            self.host = host
        }
    }

    /// The transitions that `filter` takes, newest first: `{id, at, rule, event, severity, labels, value, provenance}`.
    package func history(_ filter: HistoryFilter = HistoryFilter(), limit: Int) async throws -> [JSONValue] {
        try await pool.withConnection { connection throws(DatabaseError) in
            // By id, the order in which they were written: pages of it never overlap, whatever the clocks said.
            let result: SQLResult = try connection.execute(
                """
                SELECT * FROM alert_history
                WHERE ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
                    AND ($4::bigint IS NULL OR id < $4) AND ($5::text IS NULL OR labels ->> 'host' = $5)
                ORDER BY id DESC LIMIT $1
                """,
                [
                    .integer(limit), .optional(filter.from), .optional(filter.to),
                    filter.before.map { SQLValue.integer($0) } ?? .null, .optional(filter.host),
                ])
            var entries: [JSONValue] = []
            for row in result.rows {
                entries.append(
                    .object(compacting: [
                        "id": .integer(try row.int("id")), "at": .time(try row.time("at")),
                        "rule": .string(try row.string("rule")),
                        "event": .string(try row.string("event")), "severity": .string(try row.string("severity")),
                        "labels": try row.json("labels"), "value": row["value"].double.map(JSONValue.number),
                        "provenance": row["provenance"].json,
                    ]))
            }
            return entries
        }
    }
}

extension AlertInstance {
    init(_ row: SQLRow) throws(DatabaseError) {
        let members: [String: JSONValue] = try row.json("labels").object ?? [:]
        self.init(
            labels: Labels(members.compactMapValues(\.string)),
            state: State(rawValue: try row.string("state")) ?? .inactive,
            activeSince: try row.time("active_since"), matches: try row.int("matches"),
            lastMatchAt: try row.time("last_match_at"), value: try row.double("value"), firedAt: row["fired_at"].time)
    }
}

extension PostgresConnection {
    /// Whether the rule is declared. If so it stays until this transaction ends.
    fileprivate func holdsRule(_ rule: String) throws(DatabaseError) -> Bool {
        let found: SQLResult = try execute(
            "SELECT 1 FROM resources WHERE kind = 'AlertRule' AND name = $1 FOR KEY SHARE", [.text(rule)])
        return !found.rows.isEmpty
    }

    fileprivate func replaceAlerts(of rule: String, with instances: [AlertInstance]) throws(DatabaseError) {
        _ = try execute("DELETE FROM alerts WHERE rule = $1", [.text(rule)])
        for instance in instances {
            _ = try execute(
                """
                INSERT INTO alerts (rule, labels, state, active_since, matches, last_match_at, value, fired_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    .text(rule), .json(instance.labels.dictionary.json), .text(instance.state.rawValue),
                    .time(instance.activeSince), .integer(instance.matches), .time(instance.lastMatchAt),
                    .double(instance.value), .optional(instance.firedAt),
                ])
        }
    }

    fileprivate func recordHistory(_ notification: Notification) throws(DatabaseError) {
        _ = try execute(
            """
            INSERT INTO alert_history (at, rule, event, severity, labels, value, provenance)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                .time(notification.at), .text(notification.rule), .text(notification.event.rawValue),
                .text(notification.severity.rawValue), .json(notification.labels.json),
                notification.value.map(SQLValue.double) ?? .null, .optional(notification.provenance),
            ])
    }

    /// Puts a notification into the outbox, once per notifier however often it is posted.
    func post(_ addressed: AlertStore.Addressed) throws(DatabaseError) {
        _ = try execute(
            """
            INSERT INTO outbox (notifier, dedupe_key, body)
            SELECT name, $2, $3::jsonb FROM (
                SELECT unnest($1::text[]) AS name
                UNION
                SELECT notifier FROM outbox WHERE dedupe_key = $4 AND notifier = ANY ($5::text[])
            ) AS receivers
            ON CONFLICT (notifier, dedupe_key) DO NOTHING
            """,
            [
                .textArray(addressed.notifiers), .text(addressed.notification.dedupeKey),
                .json(addressed.notification.json), .optional(addressed.endsKey), .textArray(addressed.reachable),
            ])
        for (name, form) in addressed.forms.sorted(by: { $0.key < $1.key }) {
            _ = try execute(
                """
                INSERT INTO outbox (notifier, dedupe_key, body, via) VALUES ($1, $2, $3, $4)
                ON CONFLICT (notifier, dedupe_key) DO NOTHING
                """,
                [
                    .text(name), .text(addressed.notification.dedupeKey), .json(addressed.notification.json),
                    .json(form),
                ])
        }
    }
}
