package import Telemetry

/// One migration as a database and this program know it.
package struct MigrationStatus: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        case applied
        /// This program has it, the database not yet.
        case missing
        /// Applied with other content than this program has.
        case changed
        /// The database has it, this program does not: the database belongs to a newer program.
        case unknown
    }

    package var version: Int
    package var name: String
    package var state: State
    /// When it was applied; nil for one that is missing.
    package var appliedAt: Timestamp?
}

extension Migrator {
    /// Every migration that the database or this program knows, by number. Changes nothing and waits for nobody; a
    /// database without a schema has none applied.
    package func status(_ connection: PostgresConnection) async throws -> [MigrationStatus] {
        var found: [Int: MigrationStatus] = [:]
        for migration in migrations {
            found[migration.version] = MigrationStatus(
                version: migration.version, name: migration.name, state: .missing)
        }
        let checksums: [Int: String] = Dictionary(uniqueKeysWithValues: migrations.map { ($0.version, $0.checksum) })
        let isThere: Bool = try await connection.execute(
            "SELECT to_regclass('plumbline.schema_migrations') IS NOT NULL AS found"
        ).only().bool("found")
        guard isThere else { return found.values.sorted { $0.version < $1.version } }
        let rows: SQLResult = try await connection.execute(
            "SELECT version, name, checksum, applied_at FROM plumbline.schema_migrations")
        for row in rows.rows {
            let version: Int = try row.int("version")
            let recorded: String = try row.string("checksum")
            let state: MigrationStatus.State
            switch checksums[version] {
            case nil: state = .unknown
            case recorded?: state = .applied
            case _?: state = .changed
            }
            found[version] = MigrationStatus(
                version: version, name: try row.string("name"), state: state, appliedAt: try row.time("applied_at"))
        }
        return found.values.sorted { $0.version < $1.version }
    }
}
