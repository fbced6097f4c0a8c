@testable import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct PostgresConnectionTests {
    @Test(arguments: [ResultFormat.text, .binary])
    func `values come back as they were sent, in text and in binary`(format: ResultFormat) async throws {
        let database = try await TestPostgres.database()
        let instant = Timestamp(microseconds: 1_763_683_628_123_456)
        let row: SQLRow = try await database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                SELECT $1::text AS text, $2::bigint AS integer, $3::float8 AS double, $4::bool AS flag, $5::bytea AS bytes,
                    $6::jsonb AS json, $7::timestamptz AS time, $8::text[] AS texts, $9::int4[] AS integers,
                    $10::float8[] AS doubles, $11::text AS nothing
                """,
                [
                    .text("naïve ' \" \\ €"), .integer(-42), .double(1.5), .bool(true), .bytes([0, 1, 255]),
                    .json(["a": [1, .null, "x"]]), .time(instant), .textArray(["a", "b \"c\", \\", "NULL", ""]),
                    .integerArray([1, -2, 3]), .doubleArray([1.5, nil, -0.25]), .null,
                ], format: format
            ).only()
        }
        #expect(row["text"].string == "naïve ' \" \\ €")
        #expect(row["integer"].int == -42)
        #expect(row["double"].double == 1.5)
        #expect(row["flag"].bool == true)
        #expect(row["bytes"].bytes == [0, 1, 255])
        #expect(row["json"].json == ["a": [1, .null, "x"]])
        #expect(row["time"].time == instant)
        if format == .text { #expect(row["texts"].strings == ["a", "b \"c\", \\", "NULL", ""]) }
        #expect(row["integers"].integers == [1, -2, 3])
        #expect(row["doubles"].doubles == [1.5, nil, -0.25])
        #expect(row["nothing"].isNull)
        #expect(row["nothing"].string == nil)
    }

    @Test func `doubles keep every bit through text parameters and binary results`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let numbers: [Double] = [
            0, -0.0, 1.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity, 1e-300,
        ]
        let row: SQLRow = try await database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                "SELECT $1::float8[] AS numbers", [.doubleArray(numbers + [.nan])], format: .binary
            ).only()
        }
        let cell: SQLCell = row["numbers"]
        var visited: [UInt64?] = []
        #expect(cell.forEachDouble { visited.append($1?.bitPattern) })
        #expect(visited.dropLast() == numbers.map(\.bitPattern)[...])
        #expect(cell.doubleElement(2) == 1.0 / 3)
        #expect(cell.doubleElement(8)?.isNaN == true)
        #expect(cell.doubleElement(9) == nil)
    }

    @Test func `an element after a NULL is found in a binary array`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let row: SQLRow = try await database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute("SELECT '{1,NULL,3}'::float8[] AS numbers", format: .binary).only()
        }
        #expect(row["numbers"].doubleElement(1) == nil)
        #expect(row["numbers"].doubleElement(2) == 3)
        #expect(row["numbers"].doubles == [1, nil, 3])
    }

    @Test func `an error names the statement and has SQLSTATE, detail and constraint`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.superuserAddress)
        try await connection.script("CREATE TEMPORARY TABLE things (id int CONSTRAINT one_of_each UNIQUE)")
        _ = try await connection.execute("INSERT INTO things VALUES (1)")
        let error = await #expect(throws: DatabaseError.self) {
            try await connection.execute("INSERT INTO things VALUES ($1)", [1])
        }
        #expect(error?.isUniqueViolation == true)
        #expect(error?.origin == .server)
        #expect(error?.constraint == "one_of_each")
        #expect(error?.detail == "Key (id)=(1) already exists.")
        #expect(error?.operation == "INSERT INTO things VALUES ($1)")
        #expect(try await connection.execute("SELECT 1 AS one").only().int("one") == 1)
    }

    // Shows W-A-03
    @Test func `text with a NUL character is refused instead of cut`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.pool.withConnection { (connection) throws(DatabaseError) in
                _ = try connection.execute("SELECT $1::text", [.text("before\u{0}after")])
            }
        }
        #expect(error?.sqlState == "22021")
    }

    @Test func `a statement that takes longer than its limit is stopped`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await PostgresConnection(
            database.address, ConnectionConfiguration(applicationName: "tests", statementTimeout: .milliseconds(30)))
        let error = await #expect(throws: DatabaseError.self) { try await connection.execute("SELECT pg_sleep(30)") }
        #expect(error?.isStatementTimeout == true)
    }

    @Test func `an unreachable server is a connection failure that does not show the password`() async throws {
        let address = DatabaseAddress(conninfo: "host=/nonexistent user=somebody password=secret-word dbname=x")
        let error = await #expect(throws: DatabaseError.self) {
            _ = try await PostgresConnection(address, applicationName: "tests")
        }
        #expect(error?.isConnectionFailure == true)
        #expect(error.map { !"\($0)".contains("secret-word") } == true)
        #expect(!"\(address)".contains("secret-word"))
    }

    @Test func `COPY stores all rows of a batch, or none and says why`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let connection = try await database.connect(as: database.superuserAddress)
        try await connection.script("CREATE TEMPORARY TABLE things (id int PRIMARY KEY, name text)")
        let rows: String = (1...20000).map { "\($0)\tname-\($0)\n" }.joined()
        #expect(try await connection.copyIn("COPY things FROM STDIN", Array(rows.utf8)) == 20000)
        let error = await #expect(throws: DatabaseError.self) {
            try await connection.copyIn("COPY things FROM STDIN", Array("20001\ta\n1\tb\n".utf8))
        }
        #expect(error?.isUniqueViolation == true)
        #expect(try await connection.execute("SELECT count(*) AS count FROM things").only().int("count") == 20000)
        #expect(await connection.isReady)
    }

    @Test func `a transaction whose failed statement was ignored is not reported as stored`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        await #expect(throws: DatabaseError.self) {
            try await database.pool.transaction { connection in
                _ = try? connection.execute("SELECT 1/0")
            }
        }
        #expect(database.pool.counts.total == 1)
    }

    @Test func `opening and dropping many connections leaves no descriptor behind`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        for _ in 0..<60 {
            let connection = try await database.connect(as: database.superuserAddress)
            _ = try await connection.execute("SELECT 1")
        }
        // Sessions end when the last reference goes; the server notices a moment later.
        let deadline: ContinuousClock.Instant = .now + .seconds(10)
        while true {
            let open: Int = try await database.superuser(
                "SELECT count(*) AS open FROM pg_stat_activity WHERE datname = current_database()"
            ).only().int("open")
            if open <= 2 { break }
            try #require(ContinuousClock.now < deadline, "\(open) sessions are still open")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: Scripts with COPY

    private static func lines(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func aScriptWithCopiesIsOneTransaction() async throws {
        let database = try await TestPostgres.database()
        let connection = try await database.connect(as: database.superuserAddress)
        try await connection.script("CREATE TABLE left_things (id int PRIMARY KEY); CREATE TABLE right_things (id int)")
        let script =
            "SELECT 7 AS n; COPY left_things FROM STDIN; COPY right_things FROM STDIN; INSERT INTO right_things VALUES (9)"
        try await connection.perform { connection throws(DatabaseError) in
            try connection.copyScript(script, operation: "test") { opened throws(DatabaseError) in
                let first: Int = try opened.only().int("n")
                return [Self.lines("\(first)\n"), Self.lines("1\n2\n")]
            }
        }
        #expect(try await connection.execute("SELECT id FROM left_things").only().int("id") == 7)
        #expect(try await connection.execute("SELECT count(*) AS n FROM right_things").only().int("n") == 3)
        // The second fails, so nothing of the first stays.
        let failed: DatabaseError? = await Self.error {
            try await connection.perform { connection throws(DatabaseError) in
                try connection.copyScript(script, operation: "test") { _ in [Self.lines("8\n"), Self.lines("no\n")] }
            }
        }
        #expect(failed?.sqlState == "22P02")
        let twice: DatabaseError? = await Self.error {
            try await connection.perform { connection throws(DatabaseError) in
                try connection.copyScript(script, operation: "test") { _ in [Self.lines("7\n"), Self.lines("1\n")] }
            }
        }
        #expect(twice?.isUniqueViolation == true)
        #expect(try await connection.execute("SELECT count(*) AS n FROM left_things").only().int("n") == 1)
        #expect(await connection.isReady)
    }

    @Test func aScriptIsGivenUpWhereItsContentsAreNotToBeHad() async throws {
        let database = try await TestPostgres.database()
        let connection = try await database.connect(as: database.superuserAddress)
        try await connection.script("CREATE TABLE things (id int PRIMARY KEY)")
        let reason = DatabaseError(.usage, "not now", operation: "test")
        for contents in [nil, [Self.lines("1\n")], []] as [[[UInt8]]?] {
            let failed: DatabaseError? = await Self.error {
                try await connection.perform { connection throws(DatabaseError) in
                    try connection.copyScript(
                        "SELECT 1; COPY things FROM STDIN; COPY things FROM STDIN", operation: "test"
                    ) { _ throws(DatabaseError) in
                        guard let contents else { throw reason }
                        return contents
                    }
                }
            }
            #expect(contents == nil ? failed == reason : failed?.message == "a COPY too many")
            #expect(try await connection.execute("SELECT count(*) AS n FROM things").only().int("n") == 0)
        }
    }

    private static func error(_ body: () async throws -> Void) async -> DatabaseError? {
        do { try await body() } catch { return error as? DatabaseError }
        return nil
    }

    @Test func whatIsDoneIsNamedByTheBeginningOfTheStatement() {
        #expect(DatabaseError.operation(of: "  SELECT\n\t1,\n   2 ") == "SELECT 1, 2")
        #expect(DatabaseError.operation(of: String(repeating: "é", count: 100)) == String(repeating: "é", count: 40))
        #expect(DatabaseError.operation(of: "a" + String(repeating: "é", count: 60)).utf8.count == 81)
    }
}
