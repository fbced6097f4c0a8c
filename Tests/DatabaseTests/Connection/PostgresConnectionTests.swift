import Database
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
}
