package import Assets
import Declarations
package import Logging
import Runtime

/// One numbered step of the schema.
package struct Migration: Hashable, Sendable {
    package var version: Int
    package var name: String
    package var sql: String
    /// SHA-256 of the text, in hex.
    package var checksum: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
        checksum = hexadecimal(Digests.sha256(Array(sql.utf8)))
    }

    /// Reads an embedded file `migrations/0001_config.sql`; nil where its name is not of that form.
    package init?(_ asset: Asset) {
        guard let file = asset.path.split(separator: "/").last, file.hasSuffix(".sql") else { return nil }
        let stem: Substring = file.dropLast(4)
        let parts: [Substring] = stem.split(separator: "_", maxSplits: 1)
        guard parts.count == 2, parts[0].count == 4, let version = Int(parts[0]) else { return nil }
        self.init(version: version, name: String(parts[1]), sql: asset.contents)
    }
}

/// Brings a database's schema to what this program needs.
///
/// Migrations are applied in the order of their numbers, each in a transaction of its own, forward only. Any number of
/// starters may run at once: they take turns by an advisory lock that ends with the transaction. A migration that was
/// applied and differs from what this program holds, or one that this program does not know, stops it: the database
/// belongs to another version.
package struct Migrator: Sendable {
    private let migrations: [Migration]

    /// The migrations of this program.
    package static let embedded = Migrator(Assets.migrations.compactMap(Migration.init))

    package init(_ migrations: [Migration]) {
        let sorted: [Migration] = migrations.sorted { $0.version < $1.version }
        precondition(zip(sorted, sorted.dropFirst()).allSatisfy { $0.version < $1.version }, "two of one number")
        self.migrations = sorted
    }

    /// The version of the schema that this program needs.
    package var newest: Int { migrations.last?.version ?? 0 }

    /// Applies what is missing and gives its versions. Connect as the service's role `plumbline`, which then owns
    /// everything.
    @discardableResult
    package func migrate(_ connection: PostgresConnection, logger: Logger? = nil) async throws -> [Int] {
        var applied: [Int] = []
        try await connection.perform { connection throws(any Error) in try connection.transaction { try prepare($0) } }
        for migration in migrations {
            let isNew: Bool = try await connection.perform { connection throws(any Error) in
                try connection.transaction { try apply(migration, on: $0) }
            }
            guard isNew else { continue }
            applied.append(migration.version)
            logger?.info(
                "migration applied",
                metadata: ["migration.version": "\(migration.version)", "migration.name": "\(migration.name)"])
        }
        return applied
    }

    /// Throws unless the schema is exactly what this program needs. Changes nothing; for readiness.
    package func check(_ connection: PostgresConnection) async throws {
        try await connection.perform { connection throws(any Error) in
            let present: [Int: String] = try recorded(on: connection)
            try checkUnknown(present)
            for migration in migrations {
                guard let checksum = present[migration.version] else {
                    throw schemaError("migration \(migration.version) is missing", "run plumb-server migrate")
                }
                try check(migration, checksum)
            }
        }
    }

    /// "plumbmig" in ASCII.
    private static let lock = 0x706C_756D_626D_6967

    private func takeTurn(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        // Others may be at a long migration: waiting for them is not a failure.
        try connection.script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10min'")
        _ = try connection.execute("SELECT pg_advisory_xact_lock($1)", [.integer(Self.lock)])
    }

    private func prepare(_ connection: isolated PostgresConnection) throws {
        try takeTurn(connection)
        let found = try connection.execute("SELECT to_regclass('plumbline.schema_migrations') IS NOT NULL AS found")
        if try found.only().bool("found") {
            try checkUnknown(recorded(on: connection))
            return
        }
        try connection.script(
            """
            CREATE SCHEMA IF NOT EXISTS \(Schema.name);
            CREATE TABLE plumbline.schema_migrations (
                version integer PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """)
    }

    private func apply(_ migration: Migration, on connection: isolated PostgresConnection) throws -> Bool {
        try takeTurn(connection)
        let present: [Int: String] = try recorded(on: connection)
        try checkUnknown(present)
        if let checksum = present[migration.version] {
            try check(migration, checksum)
            return false
        }
        do { try connection.script(migration.sql) } catch {
            var named: DatabaseError = error
            named.operation = "migration \(migration.version) (\(migration.name))"
            throw named
        }
        _ = try connection.execute(
            "INSERT INTO plumbline.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            [.integer(migration.version), .text(migration.name), .text(migration.checksum)])
        return true
    }

    private func recorded(on connection: isolated PostgresConnection) throws -> [Int: String] {
        var present: [Int: String] = [:]
        for row in try connection.execute("SELECT version, checksum FROM plumbline.schema_migrations").rows {
            present[try row.int("version")] = try row.string("checksum")
        }
        return present
    }

    private func checkUnknown(_ present: [Int: String]) throws {
        let known: Set<Int> = Set(migrations.map(\.version))
        guard let unknown = present.keys.filter({ !known.contains($0) }).max() else { return }
        throw schemaError(
            "the database has migration \(unknown); this program knows \(newest) and before",
            "run a program that is at least as new as the database, or restore a backup")
    }

    private func check(_ migration: Migration, _ checksum: String) throws {
        guard checksum != migration.checksum else { return }
        throw schemaError(
            "migration \(migration.version) (\(migration.name)) was applied with other content",
            "the checksum recorded is \(checksum.prefix(12))…, this program has \(migration.checksum.prefix(12))…")
    }

    private func schemaError(_ message: String, _ hint: String) -> DatabaseError {
        DatabaseError(.schema, message, operation: "migrate the database", hint: hint)
    }
}
