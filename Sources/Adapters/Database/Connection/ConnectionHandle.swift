import CLibpq
import Glibc

/// One `PGconn`, closed when it goes out of scope. Not thread-safe, like the library's: it lives in one actor.
@safe struct ConnectionHandle: ~Copyable {
    private let connection: OpaquePointer

    /// Connects, which blocks for at most `connect_timeout` per address.
    init(keywords: [(name: String, value: String)]) throws(DatabaseError) {
        let operation = "connect to the database"
        // dbname comes first and is expanded, so that the keywords after it override what a connection string says.
        let opened: OpaquePointer? = unsafe Self.withCStrings(keywords.map(\.name)) { names in
            unsafe Self.withCStrings(keywords.map(\.value)) { values in unsafe PQconnectdbParams(names, values, 1) }
        }
        guard let opened = unsafe opened else {
            throw DatabaseError(.connection, "out of memory", operation: operation)
        }
        guard unsafe PQstatus(opened) == CONNECTION_OK else {
            let error: DatabaseError = unsafe Self.connectionError(opened, operation: operation)
            unsafe PQfinish(opened)
            throw error
        }
        unsafe connection = opened
        // Notices ("relation already exists, skipping") would go to standard error.
        unsafe PQsetNoticeProcessor(connection, { _, _ in }, nil)
    }

    deinit { unsafe PQfinish(connection) }

    /// The server's process of this session.
    var backendProcess: Int { Int(unsafe PQbackendPID(connection)) }

    var isUsable: Bool { unsafe PQstatus(connection) == CONNECTION_OK }

    var isIdle: Bool { unsafe PQtransactionStatus(connection) == PQTRANS_IDLE }

    var isFailed: Bool { unsafe PQtransactionStatus(connection) == PQTRANS_INERROR }

    /// Whether the connection can be used by somebody else.
    var isReusable: Bool { isUsable && isIdle }

    /// Whether the connection is usable and outside a transaction, after taking in what the server may have said since:
    /// a session that was terminated while idle is found here, before a statement is lost on it.
    borrowing func probe() -> Bool {
        // The first read takes in the server's last words, the second meets the end of the stream.
        _ = unsafe PQconsumeInput(connection)
        _ = unsafe PQconsumeInput(connection)
        return isReusable
    }

    borrowing func execute(
        _ sql: String, _ parameters: EncodedParameters, isBinary: Bool
    ) throws(DatabaseError) -> SQLResult {
        let raw: OpaquePointer? = unsafe Self.withValues(parameters) { count, values in
            unsafe PQexecParams(
                connection, sql, count, parameters.types, values, parameters.lengths, parameters.formats,
                isBinary ? 1 : 0)
        }
        return try unsafe finish(raw, sql)
    }

    /// Has the server read and plan a statement that is run later by its name.
    borrowing func prepare(_ name: String, _ sql: String, _ parameters: EncodedParameters) throws(DatabaseError) {
        _ = try unsafe finish(
            PQprepare(connection, name, sql, Int32(parameters.types.count), parameters.types), sql)
    }

    borrowing func execute(
        prepared name: String, _ sql: String, _ parameters: EncodedParameters, isBinary: Bool
    ) throws(DatabaseError) -> SQLResult {
        let raw: OpaquePointer? = unsafe Self.withValues(parameters) { count, values in
            unsafe PQexecPrepared(
                connection, name, count, values, parameters.lengths, parameters.formats, isBinary ? 1 : 0)
        }
        return try unsafe finish(raw, sql)
    }

    private static func withValues<Result>(
        _ parameters: EncodedParameters, _ body: (Int32, [UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        unsafe parameters.bytes.withUnsafeBufferPointer { bytes in
            let values: [UnsafePointer<CChar>?] = unsafe parameters.starts.map { start in
                guard let start, let base = bytes.baseAddress else { return nil }
                return unsafe UnsafeRawPointer(base + start).assumingMemoryBound(to: CChar.self)
            }
            return unsafe body(Int32(values.count), values)
        }
    }

    /// Runs statements without parameters, separated by semicolons, in one round trip; the result is the last one's.
    borrowing func script(_ sql: String) throws(DatabaseError) -> SQLResult {
        try unsafe finish(PQexec(connection, sql), sql)
    }

    borrowing func copyIn(_ sql: String, _ bytes: RawSpan) throws(DatabaseError) -> Int {
        let operation: String = DatabaseError.operation(of: sql)
        let start = unsafe ResultHandle(PQexec(connection, sql))
        guard start.status == PGRES_COPY_IN else {
            if start.isSuccess { throw .usage("not a COPY … FROM STDIN", operation: operation) }
            throw unsafe start.error(connection, operation: operation)
        }
        unsafe bytes.withUnsafeBytes { content in unsafe send(content) }
        _ = unsafe PQputCopyEnd(connection, nil)
        return try unsafe finish(PQgetResult(connection), sql).affected
    }

    /// Runs statements without parameters, separated by semicolons, of which some are `COPY … FROM STDIN`. Outside a
    /// transaction they are one: it is committed when this returns, and nothing is stored where it throws.
    ///
    /// The server goes from one statement to the next by itself, so there is one round trip for the first COPY and one
    /// for each further one. `contents` gets the first statement's result and gives what each COPY takes, in order.
    borrowing func copyScript(
        _ sql: String, operation: String, contents: (SQLResult) throws(DatabaseError) -> [[UInt8]]
    ) throws(DatabaseError) {
        guard unsafe PQsendQuery(connection, sql) == 1 else {
            throw unsafe Self.connectionError(connection, operation: operation)
        }
        var opened: SQLResult?
        var waiting: [[UInt8]]?
        var failure: DatabaseError?
        while true {
            let result = unsafe ResultHandle(PQgetResult(connection))
            if result.isMissing { break }
            if result.status == PGRES_COPY_IN {
                if waiting == nil, failure == nil {
                    do throws(DatabaseError) {
                        guard let opened else { throw .usage("a COPY came first", operation: operation) }
                        waiting = try contents(opened).reversed()
                    } catch { failure = error }
                }
                let content: [UInt8]? = failure == nil ? waiting?.popLast() : nil
                if content == nil { failure = failure ?? .usage("a COPY too many", operation: operation) }
                unsafe content?.withUnsafeBytes { content in unsafe send(content) }
                guard unsafe PQputCopyEnd(connection, content == nil ? "given up" : nil) == 1 else {
                    throw unsafe Self.connectionError(connection, operation: operation)
                }
            } else if result.isSuccess {
                if opened == nil { opened = result.copied(of: sql) }
            } else {
                // Where a COPY was given up for a reason of ours, that reason counts.
                let error: DatabaseError = unsafe result.error(connection, operation: operation)
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        guard isReusable else { throw unsafe Self.connectionError(connection, operation: operation) }
    }

    /// Gives `take` the pieces of a `COPY … TO STDOUT`, which lie in the library's memory for the time of the call.
    borrowing func copyOut(_ sql: String, _ take: (RawSpan) throws -> Void) throws -> Int {
        let operation: String = DatabaseError.operation(of: sql)
        let start = unsafe ResultHandle(PQexec(connection, sql))
        guard start.status == PGRES_COPY_OUT else {
            if start.isSuccess { throw DatabaseError.usage("not a COPY … TO STDOUT", operation: operation) }
            throw unsafe start.error(connection, operation: operation)
        }
        while true {
            var piece: UnsafeMutablePointer<CChar>?
            let length: Int32 = unsafe PQgetCopyData(connection, &piece, 0)
            guard length > 0, let piece = unsafe piece else { break }
            defer { unsafe PQfreemem(piece) }
            let bytes = unsafe UnsafeRawBufferPointer(start: piece, count: Int(length))
            try unsafe take(bytes.bytes)
        }
        return try unsafe finish(PQgetResult(connection), sql).affected
    }

    /// Sends what `next` gives to a `COPY … FROM STDIN`, until nil. Where `next` throws, PostgreSQL is told, nothing is
    /// stored, and the error is passed on.
    borrowing func copyIn(_ sql: String, next: () throws -> [UInt8]?) throws -> Int {
        let operation: String = DatabaseError.operation(of: sql)
        let start = unsafe ResultHandle(PQexec(connection, sql))
        guard start.status == PGRES_COPY_IN else {
            if start.isSuccess { throw DatabaseError.usage("not a COPY … FROM STDIN", operation: operation) }
            throw unsafe start.error(connection, operation: operation)
        }
        do {
            while let piece = try next() { unsafe piece.withUnsafeBytes { content in unsafe send(content) } }
        } catch {
            _ = unsafe PQputCopyEnd(connection, "the content could not be read")
            _ = try? unsafe finish(PQgetResult(connection), sql)
            throw error
        }
        _ = unsafe PQputCopyEnd(connection, nil)
        return try unsafe finish(PQgetResult(connection), sql).affected
    }

    /// In pieces, so that the library never doubles its buffer to the size of a whole batch.
    private borrowing func send(_ content: UnsafeRawBufferPointer) {
        let piece = 1 << 16
        var position = 0
        while position < content.count {
            let length: Int = min(piece, content.count - position)
            let start: UnsafePointer<CChar>? = unsafe content.baseAddress.map {
                unsafe ($0 + position).assumingMemoryBound(to: CChar.self)
            }
            // A failure shows in the result that follows, with the server's reason.
            guard unsafe PQputCopyData(connection, start, Int32(length)) == 1 else { return }
            position += length
        }
    }

    /// Takes the result, and what is left of a statement that gave more than one.
    private borrowing func finish(_ raw: OpaquePointer?, _ sql: String) throws(DatabaseError) -> SQLResult {
        let result = unsafe ResultHandle(raw)
        defer { drain() }
        guard result.isSuccess else {
            throw unsafe result.error(connection, operation: DatabaseError.operation(of: sql))
        }
        return result.copied(of: sql)
    }

    private borrowing func drain() {
        while true {
            let extra = unsafe ResultHandle(PQgetResult(connection))
            if extra.isMissing { return }
            // A statement that began a COPY of its own would never end.
            if extra.status == PGRES_COPY_IN { _ = unsafe PQputCopyEnd(connection, "not expected") }
            if !isUsable { return }
        }
    }

    /// What came by NOTIFY, after waiting for at most `milliseconds`.
    borrowing func notifications(waiting milliseconds: Int32) throws(DatabaseError) -> [DatabaseNotification] {
        var descriptor = pollfd(fd: unsafe PQsocket(connection), events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&descriptor, 1, milliseconds)
        guard unsafe PQconsumeInput(connection) == 1, isUsable else {
            throw unsafe Self.connectionError(connection, operation: "wait for notifications")
        }
        var found: [DatabaseNotification] = []
        while let notice = unsafe PQnotifies(connection) {
            unsafe found.append(
                DatabaseNotification(
                    channel: String(cString: notice.pointee.relname), payload: String(cString: notice.pointee.extra)))
            unsafe PQfreemem(notice)
        }
        return found
    }

    fileprivate static func connectionError(_ connection: OpaquePointer, operation: String) -> DatabaseError {
        let text: String = unsafe PQerrorMessage(connection).map { unsafe String(cString: $0) } ?? "unknown failure"
        return DatabaseError(.connection, trimmed(text), operation: operation)
    }

    fileprivate static func trimmed(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        var copies: [UnsafePointer<CChar>?] = unsafe texts.map { text in
            unsafe strdup(text).map { unsafe UnsafePointer($0) }
        }
        unsafe copies.append(nil)
        defer { unsafe copies.forEach { copy in unsafe free(UnsafeMutablePointer(mutating: copy)) } }
        return unsafe copies.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an array with a terminator is not empty") }
            return unsafe body(base)
        }
    }
}

/// One `PGresult`, cleared when it goes out of scope.
@safe private struct ResultHandle: ~Copyable {
    private let result: OpaquePointer?

    /// Takes ownership.
    init(_ result: OpaquePointer?) { unsafe self.result = result }

    deinit { unsafe PQclear(result) }

    var isMissing: Bool { unsafe result == nil }

    var status: ExecStatusType { unsafe PQresultStatus(result) }

    var isSuccess: Bool { status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY }

    borrowing func error(_ connection: OpaquePointer, operation: String) -> DatabaseError {
        guard let state = field("C") else {
            return unsafe ConnectionHandle.connectionError(connection, operation: operation)
        }
        return DatabaseError(
            unsafe PQstatus(connection) == CONNECTION_OK ? .server : .connection,
            ConnectionHandle.trimmed(field("M") ?? "unknown error"), operation: operation, sqlState: state,
            detail: field("D"), hint: field("H"), constraint: field("n"))
    }

    /// A field of the error; the codes are the `PG_DIAG_…` characters.
    private borrowing func field(_ code: Unicode.Scalar) -> String? {
        guard let text = unsafe PQresultErrorField(result, Int32(code.value)) else { return nil }
        return unsafe String(cString: text)
    }

    borrowing func copied(of sql: String) -> SQLResult {
        let columnCount: Int32 = unsafe PQnfields(result)
        let rowCount: Int32 = unsafe PQntuples(result)
        var columns: [String] = []
        var isBinary: [Bool] = []
        for column in 0..<columnCount {
            columns.append(unsafe PQfname(result, column).map { unsafe String(cString: $0) } ?? "")
            isBinary.append(unsafe PQfformat(result, column) == 1)
        }
        let (starts, lengths, total) = measured(rows: rowCount, columns: columnCount)
        let bytes: [UInt8] = unsafe [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            unsafe copyCells(rows: rowCount, columns: columnCount, starts: starts, lengths: lengths, into: buffer)
            count = total
        }
        let affected: Int = unsafe PQcmdTuples(result).map { unsafe Int(String(cString: $0)) ?? 0 } ?? 0
        return SQLResult(
            storage: SQLResultStorage(
                sql: sql, columns: columns, isBinary: isBinary, rowCount: Int(rowCount), bytes: bytes,
                starts: starts, lengths: lengths), affected: affected)
    }

    private borrowing func measured(rows: Int32, columns: Int32) -> (starts: [Int], lengths: [Int32], total: Int) {
        var starts: [Int] = []
        var lengths: [Int32] = []
        starts.reserveCapacity(Int(rows) * Int(columns))
        lengths.reserveCapacity(Int(rows) * Int(columns))
        var total = 0
        for row in 0..<rows {
            for column in 0..<columns {
                let length: Int32 = unsafe PQgetisnull(result, row, column) == 1 ? -1 : PQgetlength(result, row, column)
                starts.append(total)
                lengths.append(length)
                total += Int(max(0, length))
            }
        }
        return (starts, lengths, total)
    }

    private borrowing func copyCells(
        rows: Int32, columns: Int32, starts: [Int], lengths: [Int32], into buffer: UnsafeMutableBufferPointer<UInt8>
    ) {
        guard let base = buffer.baseAddress else { return }
        var cell = 0
        for row in 0..<rows {
            for column in 0..<columns {
                if lengths[cell] > 0, let value = unsafe PQgetvalue(result, row, column) {
                    unsafe memcpy(base + starts[cell], value, Int(lengths[cell]))
                }
                cell += 1
            }
        }
    }
}

/// Something that was said with NOTIFY.
package struct DatabaseNotification: Hashable, Sendable {
    package var channel: String
    package var payload: String
}
