import Declarations
import Pipelines
package import Telemetry

/// The runs of pipelines: who may run, what each run did, what could not become an event.
package struct PipelineStore: Sendable {
    let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    func transaction<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> R
    ) async throws(PipelineStoreError) -> R {
        do { return try await pool.transaction { connection in try body(connection) } } catch let error
            as PipelineStoreError
        {
            throw error
        } catch let error as DatabaseError { throw .database(error) } catch {
            throw .database(DatabaseError(.usage, "\(error)", operation: "run a pipeline"))
        }
    }
}

/// Why a run cannot begin or go on.
package enum PipelineStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The run's lease has ended and somebody else may have taken it: nothing was written.
    case leaseLost(pipeline: String)
    case database(DatabaseError)

    package var description: String {
        switch self {
        case .leaseLost(let pipeline): "another process runs pipeline \(pipeline) now"
        case .database(let error): error.description
        }
    }
}

/// The right to run a pipeline once. Holding a value proves nothing: every transaction of the run checks it.
package struct RunLease: Hashable, Sendable {
    package var pipeline: String
    package var epoch: Int
    package var run: ULID
    /// Where the last run of the same source ended; nil where there was none.
    package var position: String?
}

package enum RunTrigger: String, Hashable, Sendable { case schedule, api }

extension PipelineStore {
    package enum Beginning: Hashable, Sendable {
        case began(RunLease)
        /// The run that is under way.
        case isRunning(run: String)
        /// A run began less than `every` ago, in whatever process.
        case notDue
    }

    /// Begins a run unless one is under way. A run that another process of the same `holder` left unfinished, or whose
    /// lease ended, is closed as a failure: its committed pages count.
    ///
    /// `source` names what is read, so that a position is never given to another source. `every`: begin only if no run
    /// began within it.
    package func begin(
        _ pipeline: String, run: ULID, source: String, trigger: RunTrigger, requestedBy: String?, holder: String,
        lease: PromDuration, every: PromDuration? = nil
    ) async throws(PipelineStoreError) -> Beginning {
        try await transaction { connection in
            // One row to wait at: two that begin at once are seen one after the other.
            _ = try connection.execute(
                """
                INSERT INTO plumbline_proxy.pipelines (name, holder, epoch, expires_at) VALUES ($1, '', 0, '-infinity')
                ON CONFLICT (name) DO NOTHING
                """, [.text(pipeline)])
            let row: SQLRow = try connection.execute(
                """
                SELECT run, position, position_of, run IS NOT NULL AND holder <> $2 AND expires_at > clock_timestamp()
                        AS runs,
                    EXISTS (SELECT FROM plumbline_proxy.runs WHERE pipeline = $1
                        AND started_at > clock_timestamp() - make_interval(secs => $3::float8)) AS recent
                FROM plumbline_proxy.pipelines WHERE name = $1 FOR UPDATE
                """, [.text(pipeline), .text(holder), .double(every?.seconds ?? -1)]
            ).only()
            if try row.bool("runs") { return .isRunning(run: try row.string("run")) }
            if every != nil, try row.bool("recent") { return .notDue }
            _ = try connection.execute(
                """
                UPDATE plumbline_proxy.runs SET finished_at = clock_timestamp(), drained = false,
                    status = CASE WHEN loaded + duplicates > 0 THEN 'partial' ELSE 'failure' END,
                    error = 'interrupted: the process that ran it ended'
                WHERE pipeline = $1 AND finished_at IS NULL
                """, [.text(pipeline)])
            _ = try connection.execute(
                """
                INSERT INTO plumbline_proxy.runs (id, pipeline, trigger, requested_by, started_at)
                VALUES ($1, $2, $3, $4, clock_timestamp())
                """, [.text(run.description), .text(pipeline), .text(trigger.rawValue), .optional(requestedBy)])
            let epoch: Int = try connection.execute(
                """
                UPDATE plumbline_proxy.pipelines SET holder = $2, epoch = epoch + 1, run = $3,
                    expires_at = clock_timestamp() + make_interval(secs => $4::float8)
                WHERE name = $1 RETURNING epoch
                """, [.text(pipeline), .text(holder), .text(run.description), .double(lease.seconds)]
            ).only().int("epoch")
            let isSame: Bool = row["position_of"].string == source
            return .began(
                RunLease(pipeline: pipeline, epoch: epoch, run: run, position: isSame ? row["position"].string : nil))
        }
    }

    /// Keeps the right to run for `span` from now; throws where it is lost.
    package func renew(_ lease: RunLease, for span: PromDuration) async throws(PipelineStoreError) {
        try await transaction { connection in try connection.renew(lease, for: span) }
    }

    /// Ends a run and lets go of the right.
    package func finish(_ lease: RunLease, _ end: RunEnd) async throws(PipelineStoreError) {
        try await transaction { connection in
            let freed: SQLResult = try connection.execute(
                """
                UPDATE plumbline_proxy.pipelines SET run = NULL, expires_at = clock_timestamp(),
                    backlog = $3::bigint, oldest_at = $4::timestamptz
                WHERE name = $1 AND epoch = $2::bigint AND run IS NOT NULL
                """,
                [.text(lease.pipeline), .integer(lease.epoch), .optional(end.backlog), .optional(end.oldestAt)])
            guard freed.affected == 1 else { throw PipelineStoreError.leaseLost(pipeline: lease.pipeline) }
            _ = try connection.execute(
                """
                UPDATE plumbline_proxy.runs SET finished_at = clock_timestamp(), drained = $2, error = $3,
                    acknowledged = $4,
                    status = CASE
                        WHEN $3::text IS NULL AND dead = 0 THEN 'success'
                        WHEN loaded + duplicates > 0 THEN 'partial'
                        ELSE 'failure' END
                WHERE id = $1
                """,
                [
                    .text(lease.run.description), .bool(end.isDrained), .optional(end.error),
                    .integer(end.acknowledged),
                ])
        }
    }
}

/// How a run ended. Its status follows from it and from what was counted with each page.
package struct RunEnd: Hashable, Sendable {
    package var isDrained: Bool
    package var acknowledged: Int
    package var error: String?
    package var backlog: Int?
    package var oldestAt: Timestamp?

    package init(
        isDrained: Bool, acknowledged: Int, error: String?, backlog: Int? = nil, oldestAt: Timestamp? = nil
    ) {
        self.isDrained = isDrained
        self.acknowledged = acknowledged
        self.error = error
        self.backlog = backlog
        self.oldestAt = oldestAt
    }
}

extension PostgresConnection {
    /// Fails unless the lease is still held; holds its row until the transaction ends, so that it stays so.
    func renew(_ lease: RunLease, for span: PromDuration) throws {
        let result: SQLResult = try execute(
            """
            UPDATE plumbline_proxy.pipelines
            SET expires_at = clock_timestamp() + make_interval(secs => $3::float8)
            WHERE name = $1 AND epoch = $2::bigint AND run = $4
            """,
            [.text(lease.pipeline), .integer(lease.epoch), .double(span.seconds), .text(lease.run.description)])
        guard result.affected == 1 else { throw PipelineStoreError.leaseLost(pipeline: lease.pipeline) }
    }
}
