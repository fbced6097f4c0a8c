import Assets
import Database
import TestSupport
import Testing

@Suite struct MigratorTests {
    private let first = Migration(version: 1, name: "first", sql: "CREATE TABLE plumbline.first (id int)")
    private let second = Migration(version: 2, name: "second", sql: "CREATE TABLE plumbline.second (id int)")

    @Test func `migrations are applied once, in order, and only what is new later`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        #expect(try await Migrator([first]).migrate(connection) == [1])
        #expect(try await Migrator([second, first]).migrate(connection) == [2])
        #expect(try await Migrator([first, second]).migrate(connection) == [])
        try await Migrator([first, second]).check(connection)
    }

    // Shows F-SV-14, W-B-17
    @Test func `starters at the same time apply each migration once`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let slow = Migration(
            version: 3, name: "slow", sql: "SELECT pg_sleep(0.1); CREATE TABLE plumbline.third (id int)")
        let migrator = Migrator([first, second, slow])
        let applied: [Int] = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await migrator.migrate(try await database.connect(as: database.address))
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == [1, 2, 3])
    }

    @Test func `a migration that fails leaves nothing behind and is named`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        let broken = Migration(version: 2, name: "broken", sql: "CREATE TABLE plumbline.half (id int); SELECT nonsense")
        let error = await #expect(throws: DatabaseError.self) {
            try await Migrator([first, broken]).migrate(connection)
        }
        #expect(error?.operation == "migration 2 (broken)")
        #expect(
            try await connection.execute("SELECT to_regclass('plumbline.half') IS NULL AS gone").only().bool("gone"))
        #expect(try await Migrator([first, second]).migrate(connection) == [2])
    }

    // Shows F-SV-14
    @Test func `a migration that was changed after it was applied is refused`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        try await Migrator([first]).migrate(connection)
        let changed = Migration(version: 1, name: "first", sql: first.sql + " ")
        let error = await #expect(throws: DatabaseError.self) { try await Migrator([changed]).migrate(connection) }
        #expect(error?.origin == .schema)
        #expect(error?.message == "migration 1 (first) was applied with other content")
    }

    @Test func `a database of a newer program is refused and left as it is`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        try await Migrator([first, second]).migrate(connection)
        let error = await #expect(throws: DatabaseError.self) { try await Migrator([first]).migrate(connection) }
        #expect(error?.message == "the database has migration 2; this program knows 1 and before")
        await #expect(throws: DatabaseError.self) { try await Migrator([first]).check(connection) }
    }

    @Test func `a missing migration fails the check`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        try await Migrator([first]).migrate(connection)
        let error = await #expect(throws: DatabaseError.self) { try await Migrator([first, second]).check(connection) }
        #expect(error?.message == "migration 2 is missing")
    }

    // Shows W-A-23
    @Test func `the embedded migrations are numbered without a repetition and all are applied`() async throws {
        #expect(Assets.migrations.compactMap(Migration.init).count == Assets.migrations.count)
        let database = try await TestPostgres.database()
        try await Migrator.embedded.check(try await database.connect(as: database.address))
    }

    @Test func `roles and database are made once by starters at the same time`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let name = "\(database.name)_by_bootstrap"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let superuser = try await database.connect(as: database.superuserAddress)
                    try await DatabaseBootstrap(database: name).run(superuser: superuser)
                }
            }
            try await group.waitForAll()
        }
        let owner = try await database.superuser(
            "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1", [.text(name)])
        #expect(try owner.only().string("owner") == "plumbline")
        try await database.superuser("DROP DATABASE \(name)")
    }

    @Test func `the audit role cannot log in`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let address = DatabaseAddress(
            host: database.socketDirectory, port: 5432, database: database.name, user: "plumbline_audit")
        let error = await #expect(throws: DatabaseError.self) { _ = try await database.connect(as: address) }
        #expect(error?.message.contains("not permitted to log in") == true)
    }
}
