package import Declarations
package import Telemetry

/// A run, as the history shows it.
package struct PipelineRunRecord: Hashable, Sendable {
    package var id: String
    package var pipeline: String
    package var trigger: String
    package var requestedBy: String?
    package var startedAt: Timestamp
    /// Nil while it runs.
    package var finishedAt: Timestamp?
    /// `success`, `partial` or `failure`; nil while it runs.
    package var status: String?
    package var read: Int
    package var loaded: Int
    package var duplicates: Int
    package var dead: Int
    package var acknowledged: Int
    package var isDrained: Bool?
    package var error: String?

    package var json: JSONValue {
        .object(compacting: [
            "id": .string(id), "pipeline": .string(pipeline), "trigger": .string(trigger),
            "requestedBy": requestedBy.map(JSONValue.string), "startedAt": .time(startedAt),
            "finishedAt": finishedAt.map(JSONValue.time), "status": .string(status ?? "running"),
            "read": .integer(read), "loaded": .integer(loaded), "duplicates": .integer(duplicates),
            "dead": .integer(dead), "acknowledged": .integer(acknowledged),
            "drained": isDrained.map(JSONValue.bool), "error": error.map(JSONValue.string),
        ])
    }
}

/// What is known of a pipeline that has run.
package struct PipelineState: Hashable, Sendable {
    package var name: String
    package var isRunning: Bool
    /// What waited when the last run ended; nil where the source could not say.
    package var backlog: Int?
    package var oldestAt: Timestamp?
    package var deadLetters: Int
    package var lastRun: PipelineRunRecord?
    /// When the last run that was a success ended.
    package var lastSuccessAt: Timestamp?
}

/// A document that could not become an event.
package struct DeadLetterRecord: Hashable, Sendable {
    package var id: Int
    package var pipeline: String
    package var document: String
    package var reason: String
    package var body: JSONValue?
    package var excerpt: String?
    package var attempts: Int
    package var firstAt: Timestamp
    package var lastAt: Timestamp

    package var json: JSONValue {
        .object(compacting: [
            "id": .integer(id), "pipeline": .string(pipeline), "document": .string(document),
            "reason": .string(reason), "body": body, "excerpt": excerpt.map(JSONValue.string),
            "attempts": .integer(attempts), "firstAt": .time(firstAt), "lastAt": .time(lastAt),
        ])
    }
}

extension PipelineStore {
    /// The runs of a pipeline, the newest first.
    package func runs(of pipeline: String, limit: Int) async throws(DatabaseError) -> [PipelineRunRecord] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                "SELECT * FROM plumbline_proxy.runs WHERE pipeline = $1 ORDER BY id DESC LIMIT $2::bigint",
                [.text(pipeline), .integer(limit)])
            var runs: [PipelineRunRecord] = []
            for row in result.rows { runs.append(try Self.run(row)) }
            return runs
        }
    }

    /// Every pipeline that has run, by name.
    package func states() async throws(DatabaseError) -> [PipelineState] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT pipelines.name, pipelines.run IS NOT NULL AND pipelines.expires_at > clock_timestamp() AS runs,
                    pipelines.backlog, pipelines.oldest_at,
                    (SELECT count(*) FROM plumbline_proxy.dead_letters WHERE pipeline = pipelines.name) AS letters,
                    (SELECT max(finished_at) FROM plumbline_proxy.runs
                        WHERE pipeline = pipelines.name AND status = 'success') AS success_at,
                    last.*
                FROM plumbline_proxy.pipelines LEFT JOIN LATERAL (
                    SELECT * FROM plumbline_proxy.runs WHERE pipeline = pipelines.name ORDER BY id DESC LIMIT 1
                ) AS last ON true ORDER BY pipelines.name
                """)
            var states: [PipelineState] = []
            for row in result.rows {
                states.append(
                    PipelineState(
                        name: try row.string("name"), isRunning: try row.bool("runs"), backlog: row["backlog"].int,
                        oldestAt: row["oldest_at"].time, deadLetters: try row.int("letters"),
                        lastRun: row["id"].isNull ? nil : try Self.run(row), lastSuccessAt: row["success_at"].time))
            }
            return states
        }
    }

    /// Dead letters, the newest first; of all pipelines where `pipeline` is nil.
    package func deadLetters(of pipeline: String?, limit: Int) async throws(DatabaseError) -> [DeadLetterRecord] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result: SQLResult = try connection.execute(
                """
                SELECT * FROM plumbline_proxy.dead_letters WHERE $1::text IS NULL OR pipeline = $1
                ORDER BY last_at DESC, id DESC LIMIT $2::bigint
                """, [.optional(pipeline), .integer(limit)])
            var letters: [DeadLetterRecord] = []
            for row in result.rows {
                letters.append(
                    DeadLetterRecord(
                        id: try row.int("id"), pipeline: try row.string("pipeline"),
                        document: try row.string("document"), reason: try row.string("reason"), body: row["body"].json,
                        excerpt: row["excerpt"].string, attempts: try row.int("attempts"),
                        firstAt: try row.time("first_at"), lastAt: try row.time("last_at")))
            }
            return letters
        }
    }

    private static func run(_ row: SQLRow) throws(DatabaseError) -> PipelineRunRecord {
        PipelineRunRecord(
            id: try row.string("id"), pipeline: try row.string("pipeline"), trigger: try row.string("trigger"),
            requestedBy: row["requested_by"].string, startedAt: try row.time("started_at"),
            finishedAt: row["finished_at"].time, status: row["status"].string, read: try row.int("read"),
            loaded: try row.int("loaded"), duplicates: try row.int("duplicates"), dead: try row.int("dead"),
            acknowledged: try row.int("acknowledged"), isDrained: row["drained"].bool, error: row["error"].string)
    }
}

extension PipelineStore {
    /// Where the last committed page of `pipeline` ended, if it was of `source`.
    package func position(of pipeline: String, source: String) async throws(DatabaseError) -> String? {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                "SELECT position FROM plumbline_proxy.pipelines WHERE name = $1 AND position_of = $2",
                [.text(pipeline), .text(source)]
            ).rows.first?["position"].string
        }
    }
}
