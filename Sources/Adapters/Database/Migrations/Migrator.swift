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

    /// Where it stands in the repository.
    package var file: String {
        let number = "\(version)"
        return "migrations/\(String(repeating: "0", count: max(0, 4 - number.count)))\(number)_\(name).sql"
    }
}

/// Brings a database's schema to what this program needs.
///
/// Migrations are applied in the order of their numbers, each in a transaction of its own, forward only. Any number of
/// starters may run at once: they take turns by an advisory lock that ends with the transaction. A migration that was
/// applied and differs from what this program holds, or one that this program does not know, stops it: the database
/// belongs to another version.
package struct Migrator: Sendable {
    let migrations: [Migration]
    /// The longest wait for another starter.
    private let patience: Duration

    /// The migrations of this program.
    package static let embedded = Migrator(Assets.migrations.compactMap(Migration.init))

    /// `patience`: the longest wait for another starter that is at work; its migration may be a long one.
    package init(_ migrations: [Migration], patience: Duration = .seconds(600)) {
        self.patience = patience
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
        try await inTurn(connection) { try prepare($0) }
        for migration in migrations {
            guard try await inTurn(connection, { try apply(migration, on: $0) }) else { continue }
            applied.append(migration.version)
            logger?.info(
                "migration applied",
                metadata: ["migration.version": "\(migration.version)", "migration.name": "\(migration.name)"])
        }
        try await HypertableAdoption.run(connection, logger: logger)
        return applied
    }

    /// Applies what is missing in one transaction and rolls it back: gives the versions that ``migrate(_:logger:)`` would
    /// apply, having seen that they can be. Holds the locks of all of them meanwhile.
    package func rehearse(_ connection: PostgresConnection) async throws -> [Int] {
        do {
            try await inTurn(connection) { connection in
                try prepare(connection)
                throw Rehearsed(versions: try migrations.filter { try apply($0, on: connection) }.map(\.version))
            }
        } catch let rehearsed as Rehearsed {
            return rehearsed.versions
        }
        return []
    }

    /// The way out of a rehearsal: what throws is rolled back.
    private struct Rehearsed: Error { var versions: [Int] }

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

    /// Runs `body` in a transaction, one starter at a time.
    @discardableResult
    private func inTurn<R: Sendable>(
        _ connection: PostgresConnection, _ body: @Sendable (isolated PostgresConnection) throws -> R
    ) async throws -> R {
        try await connection.perform { connection throws(any Error) in
            do {
                return try connection.transaction { connection in
                    try takeTurn(connection)
                    return try body(connection)
                }
            } catch let error as DatabaseError {
                if error.operation == Self.waiting { throw overdue(connection) }
                throw error
            }
        }
    }

    private static let waiting = "wait for another starter's migration"

    private func takeTurn(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        try connection.script(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = \(max(1, patience.wholeMilliseconds))")
        do { _ = try connection.execute("SELECT pg_advisory_xact_lock($1)", [.integer(Self.lock)]) } catch {
            var named: DatabaseError = error
            if error.isLockTimeout { named.operation = Self.waiting }
            throw named
        }
        // The patience is for other starters; a table that somebody else holds is waited for as long as a release bears.
        try connection.script("SET LOCAL lock_timeout = '10min'")
    }

    /// Who has the turn, after waiting for it in vain.
    private func overdue(_ connection: isolated PostgresConnection) -> DatabaseError {
        let holder: SQLRow? = try? connection.execute(
            """
            SELECT held.pid, activity.application_name AS program,
                to_char(activity.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
            FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
            WHERE held.locktype = 'advisory' AND held.granted AND held.database = (
                SELECT oid FROM pg_database WHERE datname = current_database())
                AND held.classid::bigint << 32 | held.objid::bigint = $1
            """, [.integer(Self.lock)]
        ).rows.first
        let who: String =
            holder.map { row in
                "process \(row["pid"].string ?? "?") of PostgreSQL (\(row["program"].string ?? "unknown program"), since "
                    + "\(row["since"].string ?? "?"))"
            } ?? "another starter"
        return schemaError(
            "waited \(patience.components.seconds) s for \(who), which is migrating this database",
            "let it finish, or end it with SELECT pg_terminate_backend(…); what it had begun is then rolled back")
    }

    private func prepare(_ connection: isolated PostgresConnection) throws {
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
        throw Self.tooNew(unknown, known: newest)
    }

    static func tooNew(_ version: Int, known: Int) -> DatabaseError {
        schemaError(
            "the database has migration \(version); this program knows \(known) and before",
            "run a program that is at least as new as the database, or restore a backup")
    }

    private func check(_ migration: Migration, _ checksum: String) throws {
        guard checksum != migration.checksum else { return }
        throw Self.schemaError(
            "migration \(migration.version) (\(migration.name)) was applied with other content",
            "\(migration.file) was edited after it was applied, or belongs to another build: the database recorded "
                + "SHA-256 \(checksum.prefix(12))…, this program has \(migration.checksum.prefix(12))…. Put the released "
                + "file back and write what is new into a migration of its own")
    }

    private func schemaError(_ message: String, _ hint: String) -> DatabaseError { Self.schemaError(message, hint) }

    private static func schemaError(_ message: String, _ hint: String) -> DatabaseError {
        DatabaseError(.schema, message, operation: "migrate the database", hint: hint)
    }
}
