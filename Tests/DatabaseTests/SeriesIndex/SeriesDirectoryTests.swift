import PromQL
import Telemetry
import TestSupport
import Testing

@testable import Database

/// What one process registers another finds at its next query, in whatever order transactions commit.
@Suite struct SeriesDirectoryTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func batch(_ name: String, host: String = "web-1", _ value: Double = 1) -> FrameBatch {
        FrameBatch(
            source: Source(host: host, producer: "p"), series: [Series(name, ["a": "b"])],
            frames: [Frame(time: time, values: [value])])
    }

    private func values(_ name: String, _ store: FrameStore) async throws -> [Double] {
        let selection = Selection(
            matchers: [.equal(metricNameLabel, name)], after: (time - .hours(1)).milliseconds,
            through: time.milliseconds)
        return try await store.load([selection])[0].flatMap(\.values)
    }

    @Test func `a series that another server stored is found at the next query`() async throws {
        let database = try await TestPostgres.database()
        let writer = FrameStore(pool: database.pool)
        let reader = FrameStore(pool: database.pool)
        #expect(try await values("one", reader) == [])
        for (number, name) in ["one", "two", "three"].enumerated() {
            _ = try await writer.store([batch(name, Double(number))])
            #expect(try await values(name, reader) == [Double(number)])
        }
        // Known layout, new source.
        _ = try await writer.store([batch("one", host: "web-2", 7)])
        #expect(try await values("one", reader).sorted() == [0, 7])
        #expect(reader.directory.size.series == 3)
    }

    @Test func `what commits late is not missed when later transactions were seen before it`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        for name in ["early", "late"] { _ = try await store.store([batch(name)]) }
        _ = try await database.superuser("DELETE FROM plumbline.source_layouts")
        let reader = FrameStore(pool: database.pool)
        #expect(try await values("early", reader) == [])
        let statement = """
            INSERT INTO plumbline.source_layouts (source, layout)
            SELECT source.id, layout.id FROM plumbline.sources AS source, plumbline.layouts AS layout
            WHERE layout.series = ARRAY(SELECT id FROM plumbline.series WHERE name = $1)
            """
        let early = try await database.connect(as: database.superuserAddress)
        _ = try await early.execute("BEGIN")
        _ = try await early.execute(statement, ["early"])
        try await database.superuser(statement, ["late"])
        #expect(try await values("late", reader) == [1])
        #expect(try await values("early", reader) == [])
        _ = try await early.execute("COMMIT")
        #expect(try await values("early", reader) == [1])
    }

    @Test func `a restored database drops what was known, and higher numbers of its transactions do no harm`()
        async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch("old")])
        #expect(try await values("old", store) == [1])
        try await database.superuser("UPDATE plumbline.stores SET store_id = gen_random_uuid()")
        try await database.superuser("TRUNCATE plumbline.source_layouts")
        #expect(try await values("old", store) == [])
        _ = try await FrameStore(pool: database.pool).store([batch("new")])
        try await database.superuser("UPDATE plumbline.source_layouts SET registered = '9000000000'")
        try await database.superuser("UPDATE plumbline.stores SET store_id = gen_random_uuid()")
        #expect(try await values("new", store) == [1])
        _ = try await FrameStore(pool: database.pool).store([batch("newer", host: "web-9")])
        #expect(try await values("newer", store) == [1])
    }

    @Test func `a session that lost its prepared statements goes on`() async throws {
        let database = try await TestPostgres.database()
        let connection = try await database.connect(as: database.address)
        for round in 0..<3 {
            let answer = try await connection.prepared("SELECT $1::int + 1 AS n", [.integer(round)])
            #expect(try answer.only().int("n") == round + 1)
            if round == 1 { _ = try await connection.execute("DEALLOCATE ALL") }
        }
        // Somebody else prepared the same text under the same name on this session.
        let name = try await connection.execute("SELECT name FROM pg_prepared_statements").only().string("name")
        let other = try await database.connect(as: database.address)
        _ = try await other.execute("PREPARE \(name) (int) AS SELECT $1::int + 1 AS n")
        #expect(try await other.prepared("SELECT $1::int + 1 AS n", [.integer(5)]).only().int("n") == 6)
        await #expect(throws: DatabaseError.self) { try await other.prepared("SELECT nothing FROM nowhere") }
    }
}
