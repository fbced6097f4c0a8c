import Declarations
import Telemetry

extension LogStore {
    /// Lines that a query finds, in its direction, at most `limit`, and whether there may be more.
    ///
    /// Goes through the partitions one by one and stops when it has enough, so that a search without a time costs what
    /// it finds.
    package func search(_ query: LogQuery) async throws(DatabaseError) -> (lines: [StoredLogLine], hasMore: Bool) {
        var query: LogQuery = query
        query.from = query.from.map { max($0, Self.earliest) }
        query.to = query.to.map { min($0, Self.latest) }
        // What lies behind the last place is in its partition or beyond.
        if let after = query.after {
            if query.direction == .backward {
                query.to = min(query.to ?? after.time + .milliseconds(1), after.time + .milliseconds(1))
            } else {
                query.from = max(query.from ?? after.time, after.time)
            }
        }
        let names: [String] = try await partitioning.names(
            from: query.from ?? Self.earliest, to: query.to ?? Self.latest)
        var lines: [StoredLogLine] = []
        for partition in query.direction == .backward ? names.reversed() : names {
            let wanted: Int = query.limit + 1 - lines.count
            guard wanted > 0 else { break }
            let outcome: Result<[StoredLogLine], DatabaseError> = await found(query, in: partition, wanted)
            // Dropped by retention since the catalogue was read.
            if case .failure(let error) = outcome, error.isUndefinedTable { continue }
            lines += try outcome.get()
        }
        return (Array(lines.prefix(query.limit)), lines.count > query.limit)
    }

    /// The years 1 and 9999, which both sides can write.
    private static let earliest = Timestamp(milliseconds: -62_135_596_800_000)
    private static let latest = Timestamp(milliseconds: 253_402_300_799_000)

    private func found(
        _ query: LogQuery, in partition: String, _ count: Int
    ) async -> Result<[StoredLogLine], DatabaseError> {
        let filter: (conditions: [String], parameters: [SQLValue]) = query.filter
        let sql: String = Self.statement(query, partition, filter.conditions, count)
        do throws(DatabaseError) {
            return .success(
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    try Self.lines(connection.execute(sql, filter.parameters))
                })
        } catch { return .failure(error) }
    }

    private static func statement(
        _ query: LogQuery, _ partition: String, _ conditions: [String], _ count: Int
    ) -> String {
        let condition: String = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let order: String = query.direction == .backward ? "DESC" : "ASC"
        return """
            SELECT time, id, received_at, host, source, path, level, message, fields, labels
            FROM \(partition) \(condition) ORDER BY time \(order), id \(order) LIMIT \(count)
            """
    }

    /// The plan of a search over one partition, for tests.
    package func plan(of query: LogQuery, in partition: String) async throws(DatabaseError) -> String {
        let filter: (conditions: [String], parameters: [SQLValue]) = query.filter
        let sql: String = "EXPLAIN " + Self.statement(query, partition, filter.conditions, query.limit)
        return try await pool.withConnection { (connection) throws(DatabaseError) in
            var text = ""
            for row in try connection.execute(sql, filter.parameters).rows {
                text += try row.string("QUERY PLAN") + "\n"
            }
            return text
        }
    }

    private static func lines(_ result: SQLResult) throws(DatabaseError) -> [StoredLogLine] {
        var lines: [StoredLogLine] = []
        lines.reserveCapacity(result.rows.count)
        for row in result.rows {
            let labels: JSONValue = try row.json("labels")
            let fields: JSONValue = try row.json("fields")
            lines.append(
                StoredLogLine(
                    place: LogQuery.Place(time: try row.time("time"), id: try row.int("id")),
                    receivedAt: try row.time("received_at"), host: try row.string("host"),
                    origin: LogOrigin(
                        source: try row.string("source"), path: try row.string("path"),
                        labels: Labels((labels.object ?? [:]).compactMapValues(\.string))),
                    line: LogLine(
                        time: try row.time("time"), level: LogLevel(rawValue: try row.string("level")) ?? .info,
                        message: try row.string("message"), fields: fields.canonicalText)))
        }
        return lines
    }
}
