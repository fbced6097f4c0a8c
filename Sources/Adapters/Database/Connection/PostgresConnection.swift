import Runtime

/// How a connection behaves.
package struct ConnectionConfiguration: Hashable, Sendable {
    /// Shown in `pg_stat_activity` and in the audit of a change made by SQL.
    package var applicationName: String
    /// For each address that the host name has. Default 5 s; whole seconds, at least 2 (libpq's floor).
    package var connectTimeout: Duration
    /// The longest that one statement may take. Default 30 s; zero is no limit.
    package var statementTimeout: Duration
    /// The longest wait for a lock. Default 10 s; zero is no limit.
    package var lockTimeout: Duration

    package init(
        applicationName: String, connectTimeout: Duration = .seconds(5), statementTimeout: Duration = .seconds(30),
        lockTimeout: Duration = .seconds(10)
    ) {
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.lockTimeout = lockTimeout
    }
}

/// How the cells of a result travel.
package enum ResultFormat: Sendable {
    case text
    /// PostgreSQL's binary form: exact and cheap for numbers, times and arrays of them.
    case binary
}

/// One session with PostgreSQL. Every call blocks the connection's own thread, never the cooperative pool; statements
/// that belong together run inside one call (``perform(_:)``), because another task may come in between two.
///
/// The session is in UTC with search path `plumbline`. Nothing relies on other session state outside one transaction.
package actor PostgresConnection {
    private let executor: BlockingExecutor
    private var handle: ConnectionHandle?
    /// True from BEGIN to the end of ``transaction(_:_:)``, which does not nest.
    var isInTransaction = false
    /// Names of the statements that were prepared on this session, as far as this process knows.
    private var preparedNames: Set<String> = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package init(_ address: DatabaseAddress, applicationName: String) async throws(DatabaseError) {
        try await self.init(address, ConnectionConfiguration(applicationName: applicationName))
    }

    /// Connects and sets up the session; throws where the server cannot be reached or refuses.
    package init(_ address: DatabaseAddress, _ configuration: ConnectionConfiguration) async throws(DatabaseError) {
        executor = BlockingExecutor(name: "postgres")
        handle = nil
        try open(address, configuration)
    }

    private func open(_ address: DatabaseAddress, _ configuration: ConnectionConfiguration) throws(DatabaseError) {
        let opened = try ConnectionHandle(keywords: [
            ("dbname", address.conninfo), ("application_name", configuration.applicationName),
            ("connect_timeout", "\(max(2, configuration.connectTimeout.components.seconds))"),
            ("client_encoding", "UTF8"),
            // A peer that vanished without a word is noticed after about a minute, not after two hours.
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
        ])
        _ = try opened.script(
            """
            SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET search_path = \(Schema.name);
            SET statement_timeout = \(configuration.statementTimeout.wholeMilliseconds);
            SET lock_timeout = \(configuration.lockTimeout.wholeMilliseconds)
            """)
        handle = consume opened
    }

    /// Runs one statement.
    package func execute(
        _ sql: String, _ parameters: [SQLValue] = [], format: ResultFormat = .text
    ) throws(DatabaseError) -> SQLResult {
        let encoded = try EncodedParameters(parameters, operation: DatabaseError.operation(of: sql))
        return try present(handle?.execute(sql, encoded, isBinary: format == .binary))
    }

    /// Runs one statement that is run often: read and planned once for each session, which saves a short statement more
    /// than half of its time.
    ///
    /// What is prepared is state of the session and so may be lost, or somebody else's, behind a pooler: a statement is
    /// named by its text, prepared again where the server does not know it, and taken as it is where it does. Outside a
    /// transaction only, because the first try may fail. Its parameters' types are those of the first call.
    package func prepared(
        _ sql: String, _ parameters: [SQLValue] = [], format: ResultFormat = .text
    ) throws(DatabaseError) -> SQLResult {
        guard !isInTransaction else { return try execute(sql, parameters, format: format) }
        let encoded = try EncodedParameters(parameters, operation: DatabaseError.operation(of: sql))
        let name: String = Self.name(of: sql)
        if preparedNames.contains(name) {
            let outcome: Result<SQLResult, DatabaseError> = run(name, sql, encoded, format)
            guard case .failure(let error) = outcome, error.sqlState == Self.unknownStatement else {
                return try outcome.get()
            }
        } else if preparedNames.count >= Self.mostPrepared {
            try script("DEALLOCATE ALL")
            preparedNames = []
        }
        try prepare(name, sql, encoded)
        return try run(name, sql, encoded, format).get()
    }

    private func run(
        _ name: String, _ sql: String, _ parameters: EncodedParameters, _ format: ResultFormat
    ) -> Result<SQLResult, DatabaseError> {
        do throws(DatabaseError) {
            return .success(
                try present(handle?.execute(prepared: name, sql, parameters, isBinary: format == .binary)))
        } catch { return .failure(error) }
    }

    private func prepare(_ name: String, _ sql: String, _ parameters: EncodedParameters) throws(DatabaseError) {
        let outcome: Result<Void, DatabaseError>
        do throws(DatabaseError) { outcome = .success(try present(handle?.prepare(name, sql, parameters))) } catch {
            outcome = .failure(error)
        }
        // Another client of the pooler prepared the same text under the same name.
        if case .failure(let error) = outcome, error.sqlState != Self.knownStatement { throw error }
        preparedNames.insert(name)
    }

    private static let mostPrepared = 500
    private static let unknownStatement = "26000"
    private static let knownStatement = "42P05"

    /// Equal texts have equal names in every process, and other texts others (FNV-1a, 64 bits, and the length).
    private static func name(of sql: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in sql.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "p\(String(hash, radix: 36))_\(sql.utf8.count)"
    }

    /// Runs statements without parameters, separated by semicolons. Outside a transaction they are one.
    package func script(_ sql: String) throws(DatabaseError) { _ = try present(handle?.script(sql)) }

    /// As ``script(_:)``, with the result of the last statement.
    func scripted(_ sql: String) throws(DatabaseError) -> SQLResult { try present(handle?.script(sql)) }

    /// Sends `data` to a `COPY … FROM STDIN` and gives the number of rows. All or nothing.
    @discardableResult
    package func copyIn(_ sql: String, _ data: [UInt8]) throws(DatabaseError) -> Int {
        try unsafe present(handle?.copyIn(sql, data.span.bytes))
    }

    /// As ``copyIn(_:_:)``, from borrowed bytes.
    @discardableResult
    package func copyIn(_ sql: String, bytes: RawSpan) throws(DatabaseError) -> Int {
        try present(handle?.copyIn(sql, bytes))
    }

    /// Statements that are one transaction, some of them a `COPY … FROM STDIN`, in as few round trips as they have COPYs.
    /// `contents` gets the first statement's result and gives what each COPY takes, in order; where it throws, nothing is
    /// stored.
    package func copyScript(
        _ sql: String, operation: String, contents: (SQLResult) throws(DatabaseError) -> [[UInt8]]
    ) throws(DatabaseError) {
        guard !isInTransaction else { throw .usage("a transaction is open", operation: operation) }
        try present(handle?.copyScript(sql, operation: operation, contents: contents))
    }

    /// What came by NOTIFY on the channels that this session listens to, after waiting for at most `timeout`.
    package func notifications(waiting timeout: Duration) throws(DatabaseError) -> [DatabaseNotification] {
        try present(handle?.notifications(waiting: Int32(clamping: timeout.wholeMilliseconds)))
    }

    /// Runs `body` without another task in between.
    package func perform<R: Sendable, Failure: Error>(
        _ body: @Sendable (isolated PostgresConnection) throws(Failure) -> R
    ) throws(Failure) -> R { try body(self) }

    /// As ``perform(_:)``; says too whether the connection can go back into a pool. Nil where it could not be used, having
    /// died while it was idle: `body` was not run then.
    func use<R: Sendable, Failure: Error>(
        _ body: @Sendable (isolated PostgresConnection) throws(Failure) -> R
    ) -> (result: Result<R, Failure>, isReusable: Bool)? {
        guard isReady else { return nil }
        let result: Result<R, Failure>
        do { result = .success(try body(self)) } catch { result = .failure(error) }
        return (result, handle?.isReusable ?? false)
    }

    /// Whether the connection can take a statement and is outside a transaction.
    package var isReady: Bool { handle?.probe() ?? false }

    /// Whether a statement of the present transaction has failed, so that it can only be rolled back.
    var isFailed: Bool { handle?.isFailed ?? false }

    /// The process id of the server's side.
    package var backendProcess: Int? { handle?.backendProcess }

    package func close() { handle = nil }

    /// For what does not fit one call; throws where the connection is closed.
    func withHandle<R>(_ body: (borrowing ConnectionHandle) throws -> R) throws -> R {
        switch handle {
        case .some(let handle): return try body(handle)
        case .none: throw DatabaseError(.closed, "the connection is closed", operation: "use a connection")
        }
    }

    private func present<Value>(_ value: Value?) throws(DatabaseError) -> Value {
        guard let value else { throw DatabaseError(.closed, "the connection is closed", operation: "use a connection") }
        return value
    }
}

/// The names that everything of ours has in a database.
package enum Schema {
    package static let name = "plumbline"
    /// What the proxy holds: its config store and its runs.
    package static let proxy = "plumbline_proxy"
}

extension Duration {
    /// Rounded up, so that a short limit is not turned into none.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let part: Int64 = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return seconds.multipliedReportingOverflow(by: 1000).partialValue + part
    }
}
