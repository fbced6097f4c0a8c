import Declarations
package import Telemetry

/// Log lines, in partitions by time.
package struct LogStore: Sendable {
    let pool: DatabasePool
    package let partitioning: TimePartitions

    package init(pool: DatabasePool) {
        self.pool = pool
        partitioning = TimePartitions(pool, dataset: "logs", table: "logs")
    }

    /// One line without a place in a file.
    package struct Entry: Hashable, Sendable {
        package var origin: LogOrigin
        package var line: LogLine

        package init(origin: LogOrigin, line: LogLine) {
            self.origin = origin
            self.line = line
        }
    }

    /// What one request of a host brings.
    package struct Batch: Sendable {
        package var host: String
        package var streams: [LogStreamBatch]
        package var entries: [Entry]
        /// A second batch of entries with the key of an earlier one stores none.
        package var key: String?
        /// Under which the sender counts the lines of its streams.
        package var ledger: String?

        package init(
            host: String, streams: [LogStreamBatch] = [], entries: [Entry] = [], key: String? = nil,
            ledger: String? = nil
        ) {
            self.host = host
            self.streams = streams
            self.entries = entries
            self.key = key
            self.ledger = ledger
        }
    }

    /// What became of a batch.
    package struct Outcome: Hashable, Sendable {
        package var stored = 0
        package var duplicates = 0
        /// How far each stream of the batch is stored now. Where it is before the batch's end, the sender goes on there.
        package var positions: [String: Int] = [:]

        package init() {}
    }

    private static let attempts = 4

    /// Stores a batch in one transaction and returns after its commit: all of it, or nothing and an error.
    ///
    /// The same transaction moves each stream's position, whose row it holds: the same lines sent twice, also at the same
    /// time by two requests, are stored once.
    package func store(_ batch: Batch) async throws(DatabaseError) -> Outcome {
        for _ in 1..<Self.attempts {
            let outcome: Result<Outcome, DatabaseError> = await result(of: batch)
            guard case .failure(let error) = outcome, error.isUndefinedTable || error.isSerializationFailure else {
                return try outcome.get()
            }
            // A partition that was dropped meanwhile is made anew; a transaction that lost is run again.
            partitioning.forget()
        }
        return try await write(batch)
    }

    private func result(of batch: Batch) async -> Result<Outcome, DatabaseError> {
        do throws(DatabaseError) { return .success(try await write(batch)) } catch { return .failure(error) }
    }

    private func write(_ batch: Batch) async throws(DatabaseError) -> Outcome {
        // Partitions are made in transactions of their own, before.
        var partitions: [Timestamp: String] = [:]
        let times: [Timestamp] =
            batch.streams.flatMap { $0.lines.compactMap(\.line?.time) } + batch.entries.map(\.line.time)
        for time in times where partitions[time] == nil { partitions[time] = try await partitioning.name(at: time) }
        let places: [Timestamp: String] = partitions
        do {
            return try await pool.transaction { connection in try Self.write(batch, places, connection) }
        } catch let error as DatabaseError { throw error } catch {
            throw DatabaseError(.usage, "\(error)", operation: "store log lines")
        }
    }

    private static func write(
        _ batch: Batch, _ partitions: [Timestamp: String], _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> Outcome {
        var outcome = Outcome()
        // First the locks: numbers that are drawn after them are in the order of the streams' lines.
        let known: [String: Int] = try lockedPositions(batch, connection)
        let isNew: Bool = try claim(batch, connection)
        let sequence: Int = try connection.execute("SELECT nextval('log_ingest_seq') AS n").only().int("n")
        var streamed = 0
        var rows = LogRows(host: batch.host, sequence: sequence, partitions: partitions)
        for stream in batch.streams {
            let news = stream.news(after: outcome.positions[stream.stream] ?? known[stream.stream] ?? 0)
            outcome.duplicates += news.duplicates
            outcome.positions[stream.stream] = news.position
            for line in news.lines.compactMap(\.line) {
                rows.append(stream.origin, line)
                streamed += 1
            }
        }
        try count(streamed, batch, connection)
        if isNew {
            for entry in batch.entries { rows.append(entry.origin, entry.line) }
        } else {
            outcome.duplicates += batch.entries.count
        }
        for (partition, text) in rows.texts.sorted(by: { $0.key < $1.key }) {
            outcome.stored += try connection.copyIn("COPY \(partition) (\(LogRows.columns)) FROM STDIN", text)
        }
        try move(batch.host, outcome.positions.filter { $0.value != known[$0.key] }, connection)
        return outcome
    }

    /// The position of each stream, whose row stays locked until the end of the transaction. In order of name, so that
    /// two requests wait for each other in turn and not in a circle.
    private static func lockedPositions(
        _ batch: Batch, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> [String: Int] {
        let paths: [String: String] = Dictionary(batch.streams.map { ($0.stream, $0.origin.path) }) { first, _ in first
        }
        guard !paths.isEmpty else { return [:] }
        let streams: [String] = paths.keys.sorted()
        let result: SQLResult = try connection.execute(
            """
            INSERT INTO log_streams (host, stream, position, path)
            SELECT $1, stream, 0, path FROM unnest($2::text[], $3::text[]) AS item (stream, path) ORDER BY stream
            ON CONFLICT (host, stream) DO UPDATE SET updated_at = now(), path = excluded.path
            RETURNING stream, position
            """, [.text(batch.host), .textArray(streams), .textArray(streams.map { paths[$0] ?? "" })])
        var positions: [String: Int] = [:]
        for row in result.rows { positions[try row.string("stream")] = try row.int("position") }
        return positions
    }

    /// Counts lines under the sender's ledger, so that both can be compared.
    private static func count(
        _ lines: Int, _ batch: Batch, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        guard lines > 0, let ledger = batch.ledger else { return }
        _ = try connection.execute(
            """
            INSERT INTO line_ledgers AS known (host, ledger, stored) VALUES ($1, $2, $3)
            ON CONFLICT (host, ledger) DO UPDATE SET stored = known.stored + excluded.stored, updated_at = now()
            """, [.text(batch.host), .text(ledger), .integer(lines)])
    }

    /// Whether the entries are new: true without a key.
    private static func claim(_ batch: Batch, _ connection: isolated PostgresConnection) throws(DatabaseError) -> Bool {
        guard let key = batch.key, !batch.entries.isEmpty else { return true }
        return try connection.execute(
            "INSERT INTO log_requests (host, key, stored) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.text(batch.host), .text(key), .integer(batch.entries.count)]
        ).affected == 1
    }

    private static func move(
        _ host: String, _ positions: [String: Int], _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        guard !positions.isEmpty else { return }
        let moved: [(key: String, value: Int)] = positions.sorted { $0.key < $1.key }
        _ = try connection.execute(
            """
            UPDATE log_streams SET position = item.position
            FROM unnest($2::text[], $3::bigint[]) AS item (stream, position)
            WHERE log_streams.host = $1 AND log_streams.stream = item.stream
            """, [.text(host), .textArray(moved.map(\.key)), .integerArray(moved.map(\.value))])
    }

    /// Removes keys of requests that are older than a day, and counts and positions of files that nobody has sent anything of for
    /// 60 days, twice as long as the oldest line that is taken. A count stays as long as its agent still names it.
    package func forgetOld() async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute("DELETE FROM log_requests WHERE at < now() - interval '1 day'")
            _ = try connection.execute("DELETE FROM log_streams WHERE updated_at < now() - interval '60 days'")
            // The agent's own count is of all times: without ours everything that it ever delivered would be missing.
            _ = try connection.execute(
                """
                DELETE FROM line_ledgers AS old WHERE updated_at < now() - interval '60 days' AND NOT EXISTS (
                    SELECT 1 FROM agents WHERE agents.host = old.host
                        AND agents.status -> 'delivery' ->> 'linesLedger' = old.ledger)
                """)
        }
    }
}
