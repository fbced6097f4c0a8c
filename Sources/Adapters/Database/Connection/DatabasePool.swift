import Runtime
import Synchronization

/// How a pool behaves.
package struct PoolConfiguration: Sendable {
    /// The most connections. Default 8.
    package var size: Int
    /// The most tasks that wait for one; more are refused at once. Default 256.
    package var mostWaiting: Int
    /// The longest wait for one. Default 10 s.
    package var waitTimeout: Duration
    package var connection: ConnectionConfiguration
    package var clock: any Clock<Duration>
    /// Asked about every new connection before anybody uses it.
    package var storeGuard: StoreGuard?

    package init(
        size: Int = 8, mostWaiting: Int = 256, waitTimeout: Duration = .seconds(10),
        connection: ConnectionConfiguration, clock: any Clock<Duration> = ContinuousClock(),
        storeGuard: StoreGuard? = nil
    ) {
        self.storeGuard = storeGuard
        self.size = size
        self.mostWaiting = mostWaiting
        self.waitTimeout = waitTimeout
        self.connection = connection
        self.clock = clock
    }
}

/// A bounded set of connections, opened when they are needed. One that died, idle or in use, is replaced: killing
/// sessions never shrinks the pool.
package final class DatabasePool: Sendable {
    private typealias Grant = PoolGrant<PostgresConnection>
    private typealias Waiter = CheckedContinuation<Result<PoolGrant<PostgresConnection>, DatabaseError>, Never>

    package let address: DatabaseAddress
    package let configuration: PoolConfiguration
    private let state: Mutex<PoolState<PostgresConnection, Waiter>>

    package init(_ address: DatabaseAddress, _ configuration: PoolConfiguration) {
        self.address = address
        self.configuration = configuration
        state = Mutex(PoolState(size: configuration.size, mostWaiting: configuration.mostWaiting))
    }

    package convenience init(address: DatabaseAddress, size: Int = 8, applicationName: String) {
        self.init(
            address,
            PoolConfiguration(size: size, connection: ConnectionConfiguration(applicationName: applicationName)))
    }

    /// How many connections there are, and how many of them nobody uses.
    package var counts: (total: Int, idle: Int, waiting: Int) {
        state.withLock { ($0.total, $0.idle.count, $0.waiting.count) }
    }

    /// Runs `body` on a connection, outside a transaction.
    package func withConnection<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        try await use(body).get()
    }

    /// Runs `body` in a transaction. It is run again, at most ``mostAttempts`` times, when it loses against another
    /// transaction (serialization failure, deadlock), so it must have no effect outside the database.
    package func transaction<R: Sendable>(
        _ mode: TransactionMode = .readWrite, _ body: @Sendable (isolated PostgresConnection) throws -> R
    ) async throws -> R {
        try await repeating { connection in try connection.transaction(mode, body) }
    }

    /// The same, with a first statement that travels with BEGIN; `body` gets its result.
    package func transaction<R: Sendable>(
        opening statement: String, _ body: @Sendable (isolated PostgresConnection, SQLResult) throws -> R
    ) async throws -> R {
        try await repeating { connection in try connection.transaction(opening: statement, body) }
    }

    /// Runs `body`, which is a transaction as a whole, again where it loses against another, as ``transaction(_:_:)``.
    package func repeating<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> R
    ) async throws -> R {
        var attempt = 1
        while true {
            let result: Result<R, any Error> = try await use { connection throws(any Error) in try body(connection) }
            guard case .failure(let error as DatabaseError) = result, error.isSerializationFailure,
                attempt < Self.mostAttempts
            else { return try result.get() }
            try await configuration.clock.sleep(for: .milliseconds(2 << attempt))
            attempt += 1
        }
    }

    package static let mostAttempts = 5

    /// Refuses new work and closes what is idle; connections in use are closed when they come back.
    package func close() async {
        let (idle, waiting) = state.withLock { $0.close() }
        for waiter in waiting { waiter.resume(returning: .failure(Self.closed)) }
        for connection in idle { await connection.close() }
    }

    // MARK: Taking and giving back

    private static let closed = DatabaseError(.closed, "the pool is closed", operation: "take a connection")

    private func use<R: Sendable, Failure: Error>(
        _ body: @Sendable (isolated PostgresConnection) throws(Failure) -> R
    ) async throws(DatabaseError) -> Result<R, Failure> {
        if case .use(let connection) = try await acquire() {
            if let outcome = await connection.use(body) { return await given(back: connection, outcome) }
            // It died while it was idle. Its place in the count goes to the one that is opened now.
            await connection.close()
        }
        let connection: PostgresConnection = try await opened()
        guard let outcome = await connection.use(body) else {
            await release(connection, isReusable: false)
            throw DatabaseError(.connection, "the connection was lost at once", operation: "take a connection")
        }
        return await given(back: connection, outcome)
    }

    private func given<R, Failure: Error>(
        back connection: PostgresConnection, _ outcome: (result: Result<R, Failure>, isReusable: Bool)
    ) async -> Result<R, Failure> {
        await release(connection, isReusable: outcome.isReusable)
        return outcome.result
    }

    private func acquire() async throws(DatabaseError) -> Grant {
        switch state.withLock({ $0.acquire() }) {
        case .grant(let grant): return grant
        case .wait(let id): return try await wait(id).get()
        case .full:
            throw DatabaseError(
                .busy, "all \(configuration.size) connections are in use and \(configuration.mostWaiting) tasks wait",
                operation: "take a connection")
        case .closed: throw Self.closed
        }
    }

    private func opened() async throws(DatabaseError) -> PostgresConnection {
        do { return try await open() } catch {
            hand(state.withLock { $0.lost() })
            throw error
        }
    }

    private func open() async throws(DatabaseError) -> PostgresConnection {
        let connection = try await PostgresConnection(address, configuration.connection)
        guard let storeGuard = configuration.storeGuard else { return connection }
        do {
            try await connection.perform { (connection) throws(DatabaseError) in try storeGuard.admit(connection) }
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private func release(_ connection: PostgresConnection, isReusable: Bool) async {
        if isReusable {
            let next = state.withLock { $0.released(connection) }
            if case .drop = next { await connection.close() }
            hand(next)
        } else {
            await connection.close()
            hand(state.withLock { $0.lost() })
        }
    }

    private func hand(_ next: PoolState<PostgresConnection, Waiter>.Return) {
        if case .hand(let waiter, let grant) = next { waiter.resume(returning: .success(grant)) }
    }

    // MARK: Waiting

    private func wait(_ id: Int) async -> Result<Grant, DatabaseError> {
        let clock: any Clock<Duration> = configuration.clock
        let timeout: Duration = configuration.waitTimeout
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends early when the wait is over or the task is cancelled; giving up is then without effect, or right.
                try? await clock.sleep(for: timeout)
                self.giveUp(
                    id,
                    DatabaseError(
                        .busy, "all \(self.configuration.size) connections stayed in use for \(timeout)",
                        operation: "take a connection"))
            }
            defer { group.cancelAll() }
            return await withTaskCancellationHandler {
                await withCheckedContinuation { self.enqueue($0, id: id) }
            } onCancel: {
                self.giveUp(id, Self.cancelled)
            }
        }
    }

    private static let cancelled = DatabaseError(.closed, "the task was cancelled", operation: "take a connection")

    private func enqueue(_ waiter: Waiter, id: Int) {
        switch state.withLock({ $0.enqueue(waiter, id: id) }) {
        case .queued: break
        case .grant(let grant): waiter.resume(returning: .success(grant))
        case .withdrawn: waiter.resume(returning: .failure(Self.cancelled))
        case .closed: waiter.resume(returning: .failure(Self.closed))
        }
    }

    private func giveUp(_ id: Int, _ error: DatabaseError) {
        state.withLock { $0.withdraw(id: id) }?.resume(returning: .failure(error))
    }
}
