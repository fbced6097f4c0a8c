/// How a transaction sees others.
package struct TransactionMode: Hashable, Sendable {
    package enum Isolation: String, Sendable {
        case readCommitted = "READ COMMITTED"
        /// All statements see one state.
        case repeatableRead = "REPEATABLE READ"
        case serializable = "SERIALIZABLE"
    }

    package var isolation: Isolation
    package var isReadOnly: Bool

    package static let readWrite = TransactionMode(isolation: .readCommitted, isReadOnly: false)
    /// One consistent state, read only.
    package static let snapshot = TransactionMode(isolation: .repeatableRead, isReadOnly: true)

    package init(isolation: Isolation, isReadOnly: Bool) {
        self.isolation = isolation
        self.isReadOnly = isReadOnly
    }

    var begin: String { "BEGIN ISOLATION LEVEL \(isolation.rawValue) \(isReadOnly ? "READ ONLY" : "READ WRITE")" }
}

extension PostgresConnection {
    /// Runs `body` between BEGIN and COMMIT; ROLLBACK where it throws. Does not nest.
    ///
    /// Throws what `body` throws. An error of the COMMIT itself with origin `connection` leaves open whether it took
    /// effect: make the work idempotent.
    package func transaction<R>(
        _ mode: TransactionMode = .readWrite, _ body: (isolated PostgresConnection) throws -> R
    ) throws -> R {
        precondition(!isInTransaction, "transactions do not nest")
        _ = try execute(mode.begin)
        isInTransaction = true
        defer { isInTransaction = false }
        let value: R
        do { value = try body(self) } catch {
            // Where this fails the connection is gone, and the transaction with it.
            _ = try? execute("ROLLBACK")
            throw error
        }
        try commit()
        return value
    }

    /// The same, with a first statement without parameters that travels with BEGIN: a round trip less. `body` gets its
    /// result.
    package func transaction<R>(
        opening statement: String, _ body: (isolated PostgresConnection, SQLResult) throws -> R
    ) throws -> R {
        precondition(!isInTransaction, "transactions do not nest")
        isInTransaction = true
        defer { isInTransaction = false }
        let value: R
        do { value = try body(self, scripted("\(TransactionMode.readWrite.begin); \(statement)")) } catch {
            _ = try? execute("ROLLBACK")
            throw error
        }
        try commit()
        return value
    }

    private func commit() throws(DatabaseError) {
        // COMMIT of a transaction in which a statement failed is answered with success and rolls back. Asking first
        // turns an error that a body has swallowed into one that is seen.
        guard !isFailed else {
            _ = try? execute("ROLLBACK")
            throw .usage("a statement failed and its error was ignored; nothing was stored", operation: "COMMIT")
        }
        _ = try execute("COMMIT")
    }

    /// Sets a setting until the end of the transaction.
    package func setLocal(_ name: String, _ value: String) throws(DatabaseError) {
        _ = try execute("SELECT set_config($1, $2, true)", [.text(name), .text(value)])
    }
}
