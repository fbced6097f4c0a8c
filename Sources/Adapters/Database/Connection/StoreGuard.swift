import Synchronization

/// Holds a process to the database that it began with.
///
/// What a process keeps in memory (identifiers of series, what it loaded, what it last told) is true of one store. A
/// restored backup is another one, with another `storeId` and other identifiers behind the same names: writing there
/// with what was remembered would put samples under wrong series. So every new connection of a pool is asked for its
/// store before anything else; where it is not the first one's, the connection is refused and the process has to end. A
/// database cannot be replaced under an open connection, so nothing slips through.
///
/// The first connection also refuses a schema that is newer than this program.
package final class StoreGuard: Sendable {
    private struct State {
        var storeID: String?
        var problem: DatabaseError?
    }

    private let schema: String
    private let newest: Int
    private let state = Mutex(State())
    /// Why this process must end, told once. For one listener.
    package let problems: AsyncStream<DatabaseError>
    private let tell: AsyncStream<DatabaseError>.Continuation

    /// `schema` has the table `stores`; `newest` is the last migration that this program knows.
    package init(schema: String = Schema.name, newest: Int = Migrator.embedded.newest) {
        self.schema = schema
        self.newest = newest
        (problems, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Why this process must end; nil while it may run.
    package var problem: DatabaseError? { state.withLock { $0.problem } }

    /// Looks at the store behind a connection; throws where this process must not use it.
    package func admit(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        let row: SQLRow
        do {
            row = try connection.execute(
                """
                SELECT store_id::text AS id, (SELECT coalesce(max(version), 0) FROM plumbline.schema_migrations) AS version
                FROM \(schema).stores
                """
            ).only()
        } catch {
            // No schema yet: readiness says so, and who migrates is another program.
            if error.isUndefinedTable || error.isUndefinedSchema { return }
            throw error
        }
        let version: Int = try row.int("version")
        let isFirst: Bool = state.withLock { $0.storeID == nil }
        if isFirst, version > newest { throw end(Migrator.tooNew(version, known: newest)) }
        if let problem = saw(storeID: try row.string("id")) { throw problem }
    }

    /// Takes note of a store that was met; gives the reason to end where it is another one than before. For those who
    /// read it anyway: behind a pooler a connection outlives the database that it led to.
    @discardableResult
    package func saw(storeID: String) -> DatabaseError? {
        let known: String = state.withLock { state in
            let known: String = state.storeID ?? storeID
            state.storeID = known
            return known
        }
        guard known != storeID else { return nil }
        return end(
            DatabaseError(
                .schema,
                "the database holds store \(storeID), and this process began with store \(known): it was restored "
                    + "or replaced", operation: "open the store",
                hint: "start the process anew; what it remembers belongs to the other store"))
    }

    private func end(_ problem: DatabaseError) -> DatabaseError {
        let isFirst: Bool = state.withLock { state in
            defer { state.problem = state.problem ?? problem }
            return state.problem == nil
        }
        if isFirst { tell.yield(problem) }
        return problem
    }
}
