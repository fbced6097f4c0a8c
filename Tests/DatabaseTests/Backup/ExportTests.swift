import Database
import Declarations
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What goes out of one database and into another.
@Suite struct ExportTests {
    /// Pieces of a COPY, kept for the other side.
    private final class Pieces: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        func take(_ span: RawSpan) { bytes.withLock { kept in span.withUnsafeBytes { kept.append(contentsOf: $0) } } }
        func next() -> [UInt8]? {
            bytes.withLock { kept in
                guard !kept.isEmpty else { return nil }
                defer { kept.removeFirst(min(7, kept.count)) }
                return Array(kept.prefix(7))
            }
        }
    }

    private func connect(_ database: TestDatabase) async throws -> PostgresConnection {
        try await PostgresConnection(
            database.address, ConnectionConfiguration(applicationName: "export", statementTimeout: .zero))
    }

    // Shows F-OP-03
    @Test func `every bit of a table survives, NaN payloads and stale bits too`() async throws {
        let database = try await TestPostgres.database()
        let other = try await TestPostgres.database()
        let create = """
            CREATE TABLE public.odd (a double precision[], "B c" bit varying, n numeric, t text,
                twice int GENERATED ALWAYS AS (2) STORED)
            """
        for one in [database, other] { try await one.superuser(create) }
        for one in [database, other] { try await one.superuser("ALTER TABLE public.odd OWNER TO plumbline") }
        try await database.superuser(
            """
            INSERT INTO public.odd SELECT ARRAY[1.5, NULL, '-0'], B'101', 'NaN', E'tab\\tline\\n\\\\' FROM generate_series(1, 500)
            """)
        // A NaN with a payload: no SQL makes one, binary COPY does.
        let connection: PostgresConnection = try await connect(database)
        let payload: [UInt8] = [0x7F, 0xF0, 0, 0, 0, 0, 0, 2]
        let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let array: [UInt8] =
            [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0xBD, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8] + payload
        let row: [UInt8] = [0, 1, 0, 0, 0, UInt8(array.count)] + array
        try await connection.copyIn(
            "COPY public.odd (a) FROM STDIN (FORMAT binary)", signature + row + [0xFF, 0xFF])

        let export = DatabaseExport(connection)
        let snapshot: DatabaseExport.Snapshot = try await export.begin()
        let table = try #require(snapshot.tables.first { $0.name == "odd" })
        #expect(table.columns == ["a", "B c", "n", "t"])
        let pieces = Pieces()
        #expect(try await export.copy(table) { pieces.take($0) } == 501)
        try await export.finish()
        let target: PostgresConnection = try await connect(other)
        let rows: Int = try await DatabaseImport(target).fill(
            schema: table.schema, table: table.name, columns: table.columns
        ) { pieces.next() }
        #expect(rows == 501)
        for one in [database, other] {
            let bits = try await one.superuser(
                "SELECT count(*) AS n FROM public.odd WHERE encode(float8send(a[1]), 'hex') = '7ff0000000000002'")
            #expect(try bits.only().int("n") == 1)
        }
        let sums: [String] = try await [database, other].asyncMap {
            try await $0.superuser("SELECT md5(string_agg(odd::text, '|' ORDER BY odd::text)) AS sum FROM public.odd")
                .only()
                .string("sum")
        }
        #expect(sums[0] == sums[1])
    }

    @Test func `what is written meanwhile is not in it, what is dropped meanwhile waits, partitions are made`()
        async throws
    {
        let database = try await TestPostgres.database()
        try await database.superuser("CREATE TABLE public.counted AS SELECT 1 AS n")
        try await database.superuser("ALTER TABLE public.counted OWNER TO plumbline")
        let export = DatabaseExport(try await connect(database))
        let snapshot: DatabaseExport.Snapshot = try await export.begin()
        try await database.superuser("INSERT INTO public.counted SELECT generate_series(2, 100)")
        // Partitions of a parent can still be made, and events need one at once.
        try await database.superuser("SELECT plumbline.event_partition(now())")
        let error = await #expect(throws: DatabaseError.self) {
            let dropping = try await database.connect(as: database.superuserAddress)
            try await dropping.script("SET lock_timeout = '200ms'; DROP TABLE public.counted")
        }
        #expect(error?.isLockTimeout == true)
        let table = try #require(snapshot.tables.first { $0.name == "counted" })
        #expect(try await export.copy(table) { _ in } == 1)
        try await export.finish()
        try await database.superuser("DROP TABLE public.counted")
    }

    @Test func `an error of whoever takes the rows is passed on, and a row that is refused stores nothing`()
        async throws
    {
        struct Full: Error {}
        let database = try await TestPostgres.database()
        let export = DatabaseExport(try await connect(database))
        let snapshot: DatabaseExport.Snapshot = try await export.begin()
        let table = try #require(snapshot.tables.first { $0.name == "schema_migrations" })
        await #expect(throws: Full.self) { _ = try await export.copy(table) { _ in throw Full() } }

        let connection: PostgresConnection = try await connect(database)
        await #expect(throws: Full.self) {
            _ = try await connection.copyIn("COPY login_links (hash) FROM STDIN", next: { throw Full() })
        }
        await #expect(throws: DatabaseError.self) {
            let pieces = Pieces()
            pieces.take([UInt8]("only one column\n".utf8).span.bytes)
            _ = try await connection.copyIn("COPY login_links FROM STDIN", next: { pieces.next() })
        }
        // The connection is as good as before.
        #expect(try await connection.execute("SELECT count(*) AS n FROM login_links").only().int("n") == 0)
    }

    // Shows F-OP-03
    @Test func `a restored store is another one, and what ran in the old one is void`() async throws {
        let database = try await TestPostgres.database()
        let statements: [String] = [
            "INSERT INTO leases VALUES ('git', 'me', 7, now() + interval '1 hour', 'abc')",
            "INSERT INTO leaders VALUES ('alerts', 'me', 3, now() + interval '1 hour')",
            "INSERT INTO instances VALUES ('i', 'server', 1, 'd')",
            "INSERT INTO login_links VALUES ('h', 'admin', now(), now() + interval '1 hour')",
            "INSERT INTO config_requests VALUES ('r', 'w', 'd', '{}')",
            "INSERT INTO outbox (notifier, dedupe_key, body, state) VALUES ('n', 'a', '{}', 'waiting'), ('n', 'b', '{}', 'delivered')",
            "INSERT INTO plumbline_proxy.pipelines (name, holder, epoch, expires_at, run, position) VALUES ('p', 'me', 2, now() + interval '1 hour', 'r1', '17')",
            "INSERT INTO plumbline_proxy.runs (id, pipeline, trigger) VALUES ('r1', 'p', 'schedule')",
        ]
        let connection = try await database.connect(as: database.superuserAddress)
        // Numbers of transactions of another, older cluster.
        try await connection.script(
            """
            UPDATE stores SET changed_in = '99999999';
            CREATE TABLE public.numbered AS SELECT '99999999'::xid8 AS x UNION ALL SELECT NULL
            """)
        for statement in statements { _ = try await connection.execute(statement) }
        let before: SQLRow = try await connection.execute("SELECT store_id::text AS id, generation FROM stores").only()
        let outcome = try await RestoredStore(connection).void()
        #expect(outcome.notifications == 1)
        #expect(outcome.runs == 1)
        let after: SQLRow = try await connection.execute(
            """
            SELECT store_id::text AS id, generation, changed_in < '99999999' AND changed_in <> pg_current_xact_id() AS fresh,
                (SELECT count(*) FROM public.numbered WHERE x < pg_current_xact_id()) AS numbered,
                (SELECT expires_at <= now() AND epoch = 8 AND accepted_commit = 'abc' FROM leases) AS lease,
                (SELECT expires_at <= now() AND epoch = 4 FROM leaders) AS leader,
                (SELECT count(*) FROM instances) + (SELECT count(*) FROM login_links)
                    + (SELECT count(*) FROM config_requests) AS left_over,
                (SELECT string_agg(state, ',' ORDER BY id) FROM outbox) AS outbox,
                (SELECT expires_at <= now() AND run IS NULL AND position = '17' FROM plumbline_proxy.pipelines) AS pipeline,
                (SELECT status FROM plumbline_proxy.runs) AS run
            FROM stores
            """
        ).only()
        #expect(try after.string("id") != before.string("id"))
        #expect(try after.string("id") == outcome.storeID)
        #expect(try after.int("generation") > before.int("generation"))
        #expect(try after.bool("fresh"))
        #expect(try after.int("numbered") == 1)
        #expect(try after.bool("lease") && after.bool("leader") && after.bool("pipeline"))
        #expect(try after.int("left_over") == 0)
        #expect(try after.string("outbox") == "restored,delivered")
        #expect(try after.string("run") == "failure")
    }

    @Test func `a database without a Plumbline is no backup's source`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let error = await #expect(throws: DatabaseError.self) {
            _ = try await DatabaseExport(try await connect(database)).begin()
        }
        #expect(error?.message == "the database holds no Plumbline")
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
