import Database
import Glibc
import TestSupport
import Testing

@Suite struct DatabasePoolTests {
    private func makePool(
        _ database: TestDatabase, size: Int, mostWaiting: Int = 256, waitTimeout: Duration = .seconds(30)
    ) -> DatabasePool {
        DatabasePool(
            database.address,
            PoolConfiguration(
                size: size, mostWaiting: mostWaiting, waitTimeout: waitTimeout,
                connection: ConnectionConfiguration(applicationName: "tests")))
    }

    // Shows F-SV-04
    @Test func `a session killed in the middle of a batch never shrinks the pool`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 2)
        for _ in 0..<6 {
            let error = await #expect(throws: DatabaseError.self) {
                try await pool.transaction { connection in
                    _ = try connection.execute("CREATE TEMPORARY TABLE batch (id int)")
                    _ = try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                    _ = try connection.execute("INSERT INTO batch VALUES (1)")
                }
            }
            #expect(error?.isConnectionFailure == true)
        }
        // As many work at once as before.
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await pool.withConnection { (connection) throws(DatabaseError) in
                        try connection.execute("SELECT 1 AS one, pg_sleep(0.01)").only().int("one")
                    }
                }
            }
            var answers = 0
            for try await one in group { answers += one }
            #expect(answers == 8)
        }
        #expect(pool.counts == (total: 2, idle: 2, waiting: 0))
    }

    @Test func `a session killed while idle is replaced before anybody uses it`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 1)
        let first: Int = try await backend(pool)
        try await database.superuser("SELECT pg_terminate_backend($1)", [.integer(first)])
        let deadline: ContinuousClock.Instant = .now + .seconds(10)
        // Until its process is gone: its session goes from pg_stat_activity before its connection is closed.
        while kill(pid_t(first), 0) == 0 {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(5))
        }
        let second: Int = try await backend(pool)
        #expect(second != first)
        #expect(pool.counts == (total: 1, idle: 1, waiting: 0))
    }

    @Test func `a connection that is left in a transaction does not go back`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 1)
        try await pool.withConnection { (connection) throws(DatabaseError) in _ = try connection.execute("BEGIN") }
        #expect(pool.counts.total == 0)
        try await pool.withConnection { (connection) throws(DatabaseError) in _ = try connection.execute("SELECT 1") }
        #expect(pool.counts == (total: 1, idle: 1, waiting: 0))
    }

    @Test func `who finds the queue full is refused, and who waits too long`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 1, mostWaiting: 1, waitTimeout: .milliseconds(200))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    _ = try connection.execute("SELECT pg_sleep(1)")
                }
            }
            while pool.counts.total < 1 { await Task.yield() }
            group.addTask {
                let late = await #expect(throws: DatabaseError.self) { _ = try await backend(pool) }
                #expect(late?.origin == .busy)
            }
            while pool.counts.waiting < 1 { await Task.yield() }
            let refused = await #expect(throws: DatabaseError.self) { _ = try await backend(pool) }
            #expect(refused?.origin == .busy)
            try await group.waitForAll()
        }
        #expect(pool.counts == (total: 1, idle: 1, waiting: 0))
    }

    @Test func `a cancelled task stops waiting`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    _ = try connection.execute("SELECT pg_sleep(0.5)")
                }
            }
            while pool.counts.total < 1 { await Task.yield() }
            let waiter = Task { try await backend(pool) }
            while pool.counts.waiting < 1 { await Task.yield() }
            waiter.cancel()
            let result = await waiter.result
            #expect(throws: DatabaseError.self) { try result.get() }
            #expect(pool.counts.waiting == 0)
            try await group.waitForAll()
        }
    }

    @Test func `a closed pool refuses`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let pool = makePool(database, size: 1)
        _ = try await backend(pool)
        await pool.close()
        let error = await #expect(throws: DatabaseError.self) { _ = try await backend(pool) }
        #expect(error?.origin == .closed)
        #expect(pool.counts == (total: 0, idle: 0, waiting: 0))
    }

    @Test func `transactions that lose against each other are run again until each is done`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        try await database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.script(
                "CREATE SCHEMA plumbline; CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
        }
        let mode = TransactionMode(isolation: .serializable, isReadOnly: false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    try await database.pool.transaction(mode) { connection in
                        let n: Int = try connection.execute("SELECT n FROM counter").only().int("n")
                        _ = try connection.execute("SELECT pg_sleep(0.005)")
                        _ = try connection.execute("UPDATE counter SET n = $1", [.integer(n + 1)])
                    }
                }
            }
            try await group.waitForAll()
        }
        let n: Int = try await database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute("SELECT n FROM counter").only().int("n")
        }
        #expect(n == 3)
    }

    @Test func `a transaction whose body throws leaves nothing behind`() async throws {
        struct Stop: Error {}
        let database = try await TestPostgres.emptyDatabase()
        await #expect(throws: Stop.self) {
            try await database.pool.transaction { connection in
                try connection.script("CREATE SCHEMA other")
                throw Stop()
            }
        }
        let found = try await database.superuser("SELECT 1 FROM pg_namespace WHERE nspname = 'other'")
        #expect(found.rows.isEmpty)
    }
}

private func backend(_ pool: DatabasePool) async throws -> Int {
    try await pool.withConnection { (connection) throws(DatabaseError) in
        try connection.execute("SELECT pg_backend_pid() AS pid").only().int("pid")
    }
}
