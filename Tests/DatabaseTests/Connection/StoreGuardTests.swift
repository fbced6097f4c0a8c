import Database
import TestSupport
import Testing

@Suite struct StoreGuardTests {
    private func pool(_ database: TestDatabase, _ storeGuard: StoreGuard) -> DatabasePool {
        DatabasePool(
            database.address,
            PoolConfiguration(
                size: 2, connection: ConnectionConfiguration(applicationName: "guarded"), storeGuard: storeGuard))
    }

    private func asks(_ pool: DatabasePool) async throws {
        _ = try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute("SELECT 1").affected
        }
    }

    /// What a restore does, seen from a connection pool: the same address leads to another store.
    private func replaceStore(of database: TestDatabase) async throws {
        try await database.superuser("UPDATE plumbline.stores SET store_id = gen_random_uuid()")
        try await endSessions(of: database)
    }

    private func endSessions(of database: TestDatabase) async throws {
        try await database.superuser(
            """
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE application_name = 'guarded' AND datname = current_database()
            """)
    }

    @Test func `no connection to another store is given out, and the process is told to end`() async throws {
        let database = try await TestPostgres.database()
        let storeGuard = StoreGuard()
        let pool: DatabasePool = pool(database, storeGuard)
        try await asks(pool)
        #expect(storeGuard.problem == nil)
        try await replaceStore(of: database)
        for _ in 0..<3 {
            let error = await #expect(throws: DatabaseError.self) { try await asks(pool) }
            #expect(error?.origin == .schema)
            #expect(error?.message.contains("restored or replaced") == true)
        }
        #expect(await storeGuard.problems.first { _ in true }?.hint?.contains("start the process anew") == true)
        await pool.close()
    }

    @Test func `the same store after a lost connection is no problem`() async throws {
        let database = try await TestPostgres.database()
        let storeGuard = StoreGuard()
        let pool: DatabasePool = pool(database, storeGuard)
        try await asks(pool)
        try await endSessions(of: database)
        try await asks(pool)
        #expect(storeGuard.problem == nil)
        await pool.close()
    }

    @Test func `a database without a schema is left to readiness, and a newer one refused`() async throws {
        let empty = try await TestPostgres.emptyDatabase()
        let storeGuard = StoreGuard()
        let first: DatabasePool = pool(empty, storeGuard)
        try await asks(first)
        #expect(storeGuard.problem == nil)
        await first.close()

        let database = try await TestPostgres.database()
        let old = StoreGuard(newest: Migrator.embedded.newest - 1)
        let second: DatabasePool = pool(database, old)
        let error = await #expect(throws: DatabaseError.self) { try await asks(second) }
        #expect(error?.message.contains("this program knows \(Migrator.embedded.newest - 1)") == true)
        await second.close()
    }

    @Test func `what a look at the store says counts too, behind a pooler`() {
        let storeGuard = StoreGuard()
        #expect(storeGuard.saw(storeID: "a") == nil)
        #expect(storeGuard.saw(storeID: "a") == nil)
        #expect(storeGuard.saw(storeID: "b")?.origin == .schema)
    }
}
