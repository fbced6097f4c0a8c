import Telemetry

/// Writes rows: optimistically straight into the partitions, and where some are there already through a temporary table.
struct FrameWriter: Sendable {
    let pool: DatabasePool
    let partitioning: TimePartitions
    let now: @Sendable () -> Timestamp

    private static let attempts = 4

    /// Rows of one partition.
    struct Group: Sendable {
        var partition: String
        var rows: [FrameRow]
    }

    /// Stores requests in one transaction where that goes, and answers each: what it is told of is committed.
    ///
    /// What one of them does wrong, or has stored already, is no harm to the others: then each gets a transaction of its
    /// own.
    func write(_ requests: [CommitRequest]) async -> [Result<IngestCounts, DatabaseError>] {
        let group = CommitGroup(requests)
        var outcomes: [Result<IngestCounts, DatabaseError>?] = Array(repeating: nil, count: requests.count)
        var alone: [Int] = group.others
        switch await together(group) {
        case .stored: for index in group.members { outcomes[index] = .success(requests[index].allNew) }
        case .failed(let error): for index in group.members { outcomes[index] = .failure(error) }
        case .apart: alone = (group.members + group.others).sorted()
        }
        for index in alone { outcomes[index] = await write(alone: requests[index].rows) }
        return outcomes.map { $0 ?? .success(IngestCounts()) }
    }

    private enum Together {
        case stored
        /// The database is away: nobody's fault, and nobody's turn.
        case failed(DatabaseError)
        case apart
    }

    private func together(_ group: CommitGroup) async -> Together {
        guard group.members.count > 1 else { return .apart }
        let outcome: Result<Bool, DatabaseError> = await attempt { () async throws(DatabaseError) in
            try await copy(try await grouped(group.rows))
        }
        switch outcome {
        case .success(true): return .stored
        case .success(false): return .apart
        case .failure(let error): return error.isConnectionFailure || error.origin == .closed ? .failed(error) : .apart
        }
    }

    private func write(alone rows: [FrameRow]) async -> Result<IngestCounts, DatabaseError> {
        var outcome: Result<IngestCounts, DatabaseError> = await once(rows)
        for _ in 1..<Self.attempts {
            guard case .failure(let error) = outcome, error.isUndefinedTable || error.isSerializationFailure else {
                break
            }
            // A partition that was dropped meanwhile is made anew; a transaction that lost is run again.
            partitioning.forget()
            outcome = await once(rows)
        }
        return outcome
    }

    private func once(_ rows: [FrameRow]) async -> Result<IngestCounts, DatabaseError> {
        await attempt { () async throws(DatabaseError) in
            let groups: [Group] = try await grouped(rows)
            let isStored: Bool = try await copy(groups)
            guard !isStored else { return rows.allNew }
            return try await merge(groups)
        }
    }

    private func attempt<Value: Sendable>(
        _ body: () async throws(DatabaseError) -> Value
    ) async -> Result<Value, DatabaseError> {
        do throws(DatabaseError) { return .success(try await body()) } catch { return .failure(error) }
    }

    private func grouped(_ rows: [FrameRow]) async throws(DatabaseError) -> [Group] {
        var groups: [String: [FrameRow]] = [:]
        var place: PartitionPlace?
        for row in rows {
            if let known = place, known.from <= row.time, row.time < known.to {
                groups[known.table, default: []].append(row)
            } else {
                let found: PartitionPlace = try await partitioning.place(of: row.time)
                groups[found.table, default: []].append(row)
                place = found
            }
        }
        return groups.sorted { $0.key < $1.key }.map { Group(partition: $0.key, rows: $0.value) }
    }

    // MARK: The optimistic way

    /// Straight into the partitions; false, and nothing stored, where a frame is there already.
    private func copy(_ groups: [Group]) async throws(DatabaseError) -> Bool {
        let outcome: Result<Void, DatabaseError> = await attempt { () async throws(DatabaseError) in
            do {
                try await pool.repeating { connection in try copy(groups, connection) }
            } catch let error as DatabaseError {
                throw error
            } catch { throw DatabaseError(.usage, "\(error)", operation: "store frames") }
        }
        if case .failure(let error) = outcome, error.isUniqueViolation { return false }
        try outcome.get()
        return true
    }

    /// All statements of the transaction at once: what they cost is mostly the way there and back.
    ///
    /// Which samples are late is said before the transaction begins. It has its number before the first row is asked for;
    /// if that took so long that an hour may have been closed meanwhile, it is given up and begun again.
    private func copy(_ groups: [Group], _ connection: isolated PostgresConnection) throws(DatabaseError) {
        let decided: Timestamp = now()
        let late = RollupMarks.late(Self.places(groups), now: decided)
        let script: [String] =
            ["SELECT nextval('frame_ingest_seq') AS n, pg_current_xact_id()"]
            + groups.map { "COPY \($0.partition) (\(FrameEncoder.columns)) FROM STDIN (FORMAT binary)" }
            + (RollupMarks.statement(late).map { [$0] } ?? [])
        try connection.copyScript(script.joined(separator: "; "), operation: "store frames") {
            (opened) throws(DatabaseError) in
            guard now() - decided < RollupMarks.patience else { throw Self.overtaken }
            let sequence: Int = try opened.only().int("n")
            return groups.map { FrameEncoder.encode($0.rows, sequence: sequence) }
        }
    }

    /// As a serialization failure, so that the transaction is run again.
    static let overtaken = DatabaseError(
        .server, "another writer was faster, or the database took too long", operation: "store frames",
        sqlState: "40001")

    private static func places(_ groups: [Group]) -> some Sequence<(source: Int, time: Timestamp)> {
        groups.lazy.flatMap { $0.rows.lazy.map { (source: $0.source, time: $0.time) } }
    }

    /// Last in a transaction that merges frames.
    func markRollups(_ groups: [Group], _ connection: isolated PostgresConnection) throws(DatabaseError) {
        try connection.markRollups(Self.places(groups), now: now())
    }

    /// With the number that orders what is written in it among all that is.
    func inTransaction<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection, _ sequence: Int) throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        do {
            return try await pool.transaction(opening: "SELECT nextval('frame_ingest_seq') AS n") {
                connection, opened in
                try body(connection, try opened.only().int("n"))
            }
        } catch let error as DatabaseError {
            throw error
        } catch { throw DatabaseError(.usage, "\(error)", operation: "store frames") }
    }
}

extension CommitRequest {
    /// What it counts where nothing of it was there.
    var allNew: IngestCounts {
        var counts = IngestCounts()
        counts.stored = samples
        return counts
    }
}

extension [FrameRow] {
    fileprivate var allNew: IngestCounts {
        var counts = IngestCounts()
        for row in self { counts.stored += row.sampleCount }
        return counts
    }
}
