/// Fills a database whose tables were made by `pg_restore --section=pre-data`.
package struct DatabaseImport: Sendable {
    private let connection: PostgresConnection

    /// As the superuser: the tables are several roles'.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Fills one table with what ``DatabaseExport/copy(_:_:)`` gave, in parts; nil ends it. Returns the number of rows.
    package func fill(
        schema: String, table: String, columns: [String], _ next: @Sendable () throws -> [UInt8]?
    ) async throws -> Int {
        let list: String = columns.isEmpty ? "" : " (\(columns.map(DatabaseBootstrap.quoted).joined(separator: ", ")))"
        return try await connection.copyIn(
            "COPY \(DatabaseExport.qualified(schema, table))\(list) FROM STDIN (FORMAT binary)", next: next)
    }

    package func set(_ sequences: [SequencePosition]) async throws(DatabaseError) {
        try await connection.perform { (connection) throws(DatabaseError) in
            for one in sequences {
                _ = try connection.execute(
                    "SELECT setval($1::regclass, $2::bigint, $3)",
                    [.text(DatabaseExport.qualified(one.schema, one.name)), .integer(one.last), .bool(one.isCalled)])
            }
        }
    }

    /// For the planner, which knows nothing of tables that were just filled.
    package func analyze() async throws(DatabaseError) { _ = try await connection.execute("ANALYZE") }
}
