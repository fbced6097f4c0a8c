/// COPY of any size in bounded memory.
extension PostgresConnection {
    /// Gives `take` what a `COPY … TO STDOUT` sends, piece by piece. Returns the number of rows. Where `take` throws, the
    /// connection is closed: what PostgreSQL still sends is nobody's.
    package func copyOut(_ sql: String, _ take: @Sendable (RawSpan) throws -> Void) throws -> Int {
        do { return try withHandle { handle in try handle.copyOut(sql, take) } } catch {
            if !(error is DatabaseError) { close() }
            throw error
        }
    }

    /// Sends what `next` gives to a `COPY … FROM STDIN`, until nil. Returns the number of rows. All or nothing: where
    /// `next` throws, nothing is stored and the error is passed on.
    package func copyIn(_ sql: String, next: @Sendable () throws -> [UInt8]?) throws -> Int {
        try withHandle { handle in try handle.copyIn(sql, next: next) }
    }
}
