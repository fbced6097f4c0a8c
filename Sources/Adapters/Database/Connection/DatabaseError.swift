/// What went wrong with the database, in the words of PostgreSQL where they are its.
package struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where the error comes from, which says what a caller can do.
    package enum Origin: Hashable, Sendable {
        /// PostgreSQL refused; `sqlState` says why.
        case server
        /// No connection, or one that broke: whether a statement that was under way took effect is not known.
        case connection
        /// The pool's connections are all in use and the queue is full or the wait was too long: try later.
        case busy
        /// The pool or connection is closed, or the task was cancelled.
        case closed
        /// What was sent or came back does not fit what this program expects.
        case usage
        /// The schema is not one that this program can work with.
        case schema
    }

    package var origin: Origin
    /// The five characters of SQLSTATE, where the server gave them.
    package var sqlState: String?
    package var message: String
    package var detail: String?
    package var hint: String?
    package var constraint: String?
    /// What was being done: the beginning of the statement, or a phrase.
    package var operation: String

    package init(
        _ origin: Origin, _ message: String, operation: String, sqlState: String? = nil, detail: String? = nil,
        hint: String? = nil, constraint: String? = nil
    ) {
        self.origin = origin
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.operation = operation
    }

    package var description: String {
        var text: String = "\(operation): \(message)"
        if let sqlState { text += " (\(sqlState))" }
        if let detail { text += "; \(detail)" }
        if let hint { text += "; \(hint)" }
        return text
    }
}

extension DatabaseError {
    package var isUniqueViolation: Bool { sqlState == "23505" }
    package var isForeignKeyViolation: Bool { sqlState == "23503" }
    package var isCheckViolation: Bool { sqlState == "23514" }
    package var isUndefinedTable: Bool { sqlState == "42P01" }
    var isUndefinedSchema: Bool { sqlState == "3F000" }
    /// A lock was not had within `lock_timeout`.
    package var isLockTimeout: Bool { sqlState == "55P03" }
    /// There is no room on the disk that a statement needed.
    package var isDiskFull: Bool { sqlState == "53100" }
    /// A statement took longer than `statement_timeout` (or was cancelled).
    package var isStatementTimeout: Bool { sqlState == "57014" }
    /// The transaction lost against another and can be run again from its beginning.
    package var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }
    /// Whether the connection is gone, rather than the statement wrong.
    package var isConnectionFailure: Bool {
        if origin == .connection { return true }
        guard let sqlState else { return false }
        return sqlState.hasPrefix("08") || sqlState.hasPrefix("57P")
    }
    /// Whether the same work may succeed later without anybody changing it.
    package var isTransient: Bool {
        isConnectionFailure || origin == .busy || isSerializationFailure || isLockTimeout
            || sqlState?.hasPrefix("53") == true
    }

    static func usage(_ message: String, operation: String) -> DatabaseError {
        DatabaseError(.usage, message, operation: operation)
    }

    /// The beginning of a statement, on one line: enough to find it, without its length. By bytes: it is asked for with
    /// every statement, and seldom read.
    static func operation(of sql: String) -> String {
        let blank = UInt8(ascii: " ")
        var line: [UInt8] = []
        for byte in sql.utf8.prefix(400) {
            let isBlank: Bool = byte == blank || (9...13).contains(byte)
            if isBlank, line.isEmpty || line.last == blank { continue }
            // A character that would be cut is left out as a whole.
            if line.count >= 80, byte & 0xC0 != 0x80 { break }
            line.append(isBlank ? blank : byte)
        }
        if line.last == blank { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }
}
