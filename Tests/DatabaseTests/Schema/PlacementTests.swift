import Database
import Foundation
import TestSupport
import Testing

/// Holds the schema to what docs/scaling.md says of it.
@Suite struct PlacementTests {
    private enum Place: Hashable {
        case distributed(by: String)
        case reference
        case central
    }

    /// The tables of the page, by name with schema.
    private static func places() throws -> [String: Place] {
        var places: [String: Place] = [:]
        for row in try rows(of: "## Where each table goes") {
            let cells: [String] = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let names: [Substring] = row.split(separator: "`", omittingEmptySubsequences: false)
            guard names.count >= 3 else { continue }
            switch cells[1] {
            case "reference": places[String(names[1])] = .reference
            case "central": places[String(names[1])] = .central
            default:
                try #require(cells[1].hasPrefix("distributed by `") && names.count >= 5, "\(row)")
                places[String(names[1])] = .distributed(by: String(names[3]))
            }
        }
        return places
    }

    private static func sequences() throws -> Set<String> {
        Set(
            try rows(of: "## Sequences").compactMap { row in
                row.split(separator: "`").dropFirst().first.map(String.init)
            })
    }

    /// The rows of the first table below a heading, without its head.
    private static func rows(of heading: String) throws -> [String] {
        let page: URL = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/scaling.md")
        let lines: [String] = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n")
        let start: Int = try #require(lines.firstIndex(of: heading))
        return Array(
            lines[start...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2))
    }

    /// What PostgreSQL says of each table that a migration made: `schema.table`, whatever the search path.
    private static func asked(_ database: TestDatabase, _ sql: String) async throws -> [SQLRow] {
        Array(try await database.superuser(sql).rows)
    }

    private static let tables = """
        SELECT class.oid, namespace.nspname || '.' || class.relname AS name
        FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE class.relkind IN ('r', 'p') AND NOT class.relispartition
            AND namespace.nspname IN ('plumbline', 'plumbline_proxy')
        """

    @Test func `every table has a place`() async throws {
        let database = try await TestPostgres.database()
        let places: [String: Place] = try Self.places()
        #expect(places.count > 30)
        let names: [String] = try await Self.asked(database, Self.tables).map { try $0.string("name") }
        #expect(
            names.filter { places[$0] == nil }.sorted() == [],
            "say in docs/scaling.md, \"Where each table goes\", where these go on a cluster, and why")
    }

    @Test func `what is distributed can be: its column is in every unique index and never null`() async throws {
        let database = try await TestPostgres.database()
        let places: [String: Place] = try Self.places()
        let rows: [SQLRow] = try await Self.asked(
            database,
            """
            SELECT ours.name, index.relname AS index_name, ARRAY(
                SELECT attname::text FROM pg_attribute WHERE attrelid = ours.oid AND attnum = ANY (indkey::int2[])
            ) AS columns, indisprimary AS is_primary
            FROM (\(Self.tables)) AS ours JOIN pg_index ON indrelid = ours.oid
            JOIN pg_class AS index ON index.oid = indexrelid WHERE indisunique
            """)
        var keyed: Set<String> = []
        for row in rows {
            guard case .distributed(let column)? = places[try row.string("name")] else { continue }
            let (columns, name) = (try row.strings("columns"), try row.string("name"))
            let index: String = try row.string("index_name")
            #expect(columns.contains(column), "\(name), index \(index)")
            if try row.bool("is_primary") { keyed.insert(name) }
        }
        let present: Set<String> = Set(try await Self.asked(database, Self.tables).map { try $0.string("name") })
        for (name, place) in places where present.contains(name) {
            guard case .distributed(let column) = place else { continue }
            #expect(keyed.contains(name), "\(name) has no primary key")
            let found: SQLResult = try await database.superuser(
                "SELECT attnotnull AS required FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2",
                [.text(name), .text(column)])
            #expect(try found.only().bool("required"), "\(name).\(column)")
        }
    }

    @Test func `what is distributed depends on nothing elsewhere`() async throws {
        let database = try await TestPostgres.database()
        let places: [String: Place] = try Self.places()
        let constraints: [SQLRow] = try await Self.asked(
            database,
            """
            SELECT ours.name, conname::text AS what, other.name AS other FROM (\(Self.tables)) AS ours
            JOIN pg_constraint ON conrelid = ours.oid AND contype = 'f' JOIN (\(Self.tables)) AS other ON other.oid = confrelid
            """)
        for row in constraints {
            let (name, other) = (try row.string("name"), try row.string("other"))
            guard case .distributed? = places[name] else { continue }
            #expect(places[other] == .reference, "\(name) refers to \(other), which is not on every worker")
        }
        let triggers: [SQLRow] = try await Self.asked(
            database,
            """
            SELECT ours.name, tgname::text AS what FROM (\(Self.tables)) AS ours
            JOIN pg_trigger ON tgrelid = ours.oid AND NOT tgisinternal
            """)
        for row in triggers {
            let (name, trigger) = (try row.string("name"), try row.string("what"))
            if case .distributed? = places[name] { Issue.record("\(name) has the trigger \(trigger)") }
        }
    }

    @Test func `sequences of what is distributed are told, with what their numbers mean`() async throws {
        let database = try await TestPostgres.database()
        let places: [String: Place] = try Self.places()
        let told: Set<String> = try Self.sequences()
        // Owned by a column (identity, serial), or by nobody: then somebody asks it by name.
        let rows: [SQLRow] = try await Self.asked(
            database,
            """
            SELECT namespace.nspname || '.' || class.relname AS sequence, ours.name AS owner
            FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
            LEFT JOIN pg_depend AS owned ON owned.classid = 'pg_class'::regclass AND owned.objid = class.oid
                AND owned.refclassid = 'pg_class'::regclass AND owned.deptype IN ('a', 'i')
            LEFT JOIN (\(Self.tables)) AS ours ON ours.oid = owned.refobjid
            WHERE class.relkind = 'S' AND namespace.nspname IN ('plumbline', 'plumbline_proxy')
            """)
        #expect(rows.count > 5)
        for row in rows {
            let sequence: String = try row.string("sequence")
            if let owner = row["owner"].string {
                guard case .distributed? = places[owner] else { continue }
            }
            #expect(
                told.contains(sequence), "say in docs/scaling.md, \"Sequences\", what \(sequence) means on a cluster")
        }
    }
}
