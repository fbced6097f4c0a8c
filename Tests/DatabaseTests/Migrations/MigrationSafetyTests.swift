import Assets
import Database
import TestSupport
import Testing

/// What can go wrong between starters, and between a database and programs of other versions.
@Suite struct MigrationSafetyTests {
    private let first = Migration(version: 1, name: "first", sql: "CREATE TABLE plumbline.first (id int)")
    private let second = Migration(version: 2, name: "second", sql: "CREATE TABLE plumbline.second (id int)")

    // Shows F-SV-14
    @Test func `a starter that waits in vain says for whom`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let other = try await database.connect(as: database.address, applicationName: "another starter")
        let slow = Migration(
            version: 1, name: "slow", sql: "CREATE TABLE plumbline.signal (id int); SELECT pg_sleep(60)")
        let work = Task { try await Migrator([slow]).migrate(other) }
        _ = try await answered("the other starter is at work") {
            try await database.superuser(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'another starter' AND query LIKE '%pg_sleep%'"
            ).rows.isEmpty ? nil : true
        }
        let connection = try await database.connect(as: database.address)
        let error = await #expect(throws: DatabaseError.self) {
            try await Migrator([slow], patience: .milliseconds(300)).migrate(connection)
        }
        #expect(error?.message.contains("another starter") == true, "\(String(describing: error))")
        #expect(error?.hint?.contains("pg_terminate_backend") == true)
        // The other one ends; what it had begun is gone, and the next starter does it.
        try await database.superuser(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'another starter'")
        _ = await work.result
        let again = Migration(version: 1, name: "slow", sql: "CREATE TABLE plumbline.signal (id int)")
        #expect(try await Migrator([again]).migrate(connection) == [1])
    }

    // Shows F-SV-14
    @Test func `the file that was edited is named, with both checksums and the remedy`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        try await Migrator([first]).migrate(connection)
        let changed = Migration(version: 1, name: "first", sql: first.sql + " ")
        let error = await #expect(throws: DatabaseError.self) { try await Migrator([changed]).migrate(connection) }
        let hint: String = error?.hint ?? ""
        #expect(hint.hasPrefix("migrations/0001_first.sql was edited"))
        #expect(hint.contains(first.checksum.prefix(12)) && hint.contains(changed.checksum.prefix(12)))
        #expect(hint.contains("a migration of its own"))
    }

    @Test func `the status tells applied, missing, changed and unknown apart and changes nothing`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        #expect(try await Migrator([first]).status(connection).map(\.state) == [.missing])
        try await Migrator([first, second]).migrate(connection)
        let changed = Migration(version: 1, name: "first", sql: first.sql + " ")
        let third = Migration(version: 3, name: "third", sql: "SELECT 1")
        let status: [MigrationStatus] = try await Migrator([changed, third]).status(connection)
        #expect(status.map(\.state) == [.changed, .unknown, .missing])
        #expect(status.map { $0.appliedAt != nil } == [true, true, false])
        try await Migrator([first, second]).check(connection)
    }

    @Test func `a rehearsal says what would be applied, fails where it would fail, and leaves nothing`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.address)
        #expect(try await Migrator([first, second]).rehearse(connection) == [1, 2])
        #expect(try await Migrator([first, second]).status(connection).map(\.state) == [.missing, .missing])
        let broken = Migration(version: 3, name: "broken", sql: "SELECT nonsense")
        let error = await #expect(throws: DatabaseError.self) {
            _ = try await Migrator([first, second, broken]).rehearse(connection)
        }
        #expect(error?.operation == "migration 3 (broken)")
        #expect(try await Migrator([first]).migrate(connection) == [1])
    }

    // Shows F-SV-14, W-B-17
    @Test func `four programs that start at once apply each migration once`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let program: String = try BuiltPrograms.path("plumb-server")
        let starters: [ChildProgram] = try (0..<4).map { _ in
            try ChildProgram(program, ["migrate"], environment: ["DATABASE_URL": database.address.conninfo])
        }
        for starter in starters { #expect(try await starter.end() == 0, "\(starter.output)") }
        let connection = try await database.connect(as: database.address)
        try await Migrator.embedded.check(connection)
        let rows = try await connection.execute("SELECT count(*) AS n FROM schema_migrations")
        #expect(try rows.only().int("n") == Assets.migrations.count)
        // Each said what it did: together every migration once.
        let applied: Int = starters.reduce(0) { sum, one in
            sum + one.output.split(separator: "\n").count { $0.contains("migration applied") }
        }
        #expect(applied == Assets.migrations.count, "\(starters.map(\.output))")
    }

    // Shows F-SV-14
    @Test func `a program that is killed in the middle of a migration leaves nothing of it`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        // The fifth migration meets a closed door: everything that it did so far is in its transaction.
        let door = try await database.connect(as: database.superuserAddress, applicationName: "door")
        _ = try await door.execute("SELECT pg_advisory_lock(4711)")
        try await door.script(
            """
            CREATE FUNCTION public.wait_at_door() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'plumbline.log_streams') THEN
                    PERFORM pg_advisory_xact_lock(4711);
                END IF;
            END $$;
            CREATE EVENT TRIGGER door ON ddl_command_end EXECUTE FUNCTION public.wait_at_door()
            """)
        let program: String = try BuiltPrograms.path("plumb-server")
        let environment: [String: String] = ["DATABASE_URL": database.address.conninfo]
        let killed = try ChildProgram(program, ["migrate"], environment: environment)
        let mine = "application_name = 'plumb-server migrate' AND datname = current_database()"
        _ = try await answered("it stands before the door") {
            try await database.superuser(
                "SELECT 1 FROM pg_stat_activity WHERE \(mine) AND wait_event_type = 'Lock'"
            ).rows.isEmpty ? nil : true
        }
        killed.kill()
        _ = try await door.execute("SELECT pg_advisory_unlock(4711)")
        let connection = try await database.connect(as: database.address)
        _ = try await answered("its session is gone") {
            try await database.superuser("SELECT 1 FROM pg_stat_activity WHERE \(mine)").rows.isEmpty ? true : nil
        }
        let left: SQLRow = try await connection.execute(
            "SELECT to_regclass('plumbline.logs') IS NULL AS gone, (SELECT max(version) FROM schema_migrations) AS newest"
        ).only()
        #expect(try left.bool("gone"))
        #expect(try left.int("newest") == 4)
        let second = try ChildProgram(program, ["migrate"], environment: environment)
        #expect(try await second.end() == 0, "\(second.output)")
        try await Migrator.embedded.check(connection)
    }

    // Shows F-SV-14
    @Test func `a server refuses a database that is newer than itself`() async throws {
        let database = try await TestPostgres.database()
        try await database.superuser(
            "INSERT INTO plumbline.schema_migrations (version, name, checksum) VALUES (9999, 'future', 'x')")
        let folder = try TemporaryFolder()
        let server = try ChildProgram(
            try BuiltPrograms.path("plumb-server"),
            ["run", "--listen", "127.0.0.1:0", "--keys", folder("keys.json")],
            environment: ["DATABASE_URL": database.address.conninfo])
        #expect(try await server.end() != 0)
        #expect(server.output.contains("the database has migration 9999"), "\(server.output)")
        #expect(server.output.contains("at least as new as the database"), "\(server.output)")
    }
}
