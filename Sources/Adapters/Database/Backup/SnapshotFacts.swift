package import Telemetry

/// What a backup was taken of.
package struct SnapshotFacts: Hashable, Sendable {
    /// When the snapshot was taken, by the database's clock.
    package var takenAt: Timestamp
    package var storeID: String
    /// Major version of PostgreSQL.
    package var postgresMajor: Int
    /// The checksums of the applied migrations, by number.
    package var migrations: [Int: String]
    /// TimescaleDB's tables; empty where it is not there.
    package var hypertables: [Hypertable]

    package var schemaVersion: Int { migrations.keys.max() ?? 0 }

    package init(
        takenAt: Timestamp, storeID: String, postgresMajor: Int, migrations: [Int: String],
        hypertables: [Hypertable] = []
    ) {
        self.takenAt = takenAt
        self.storeID = storeID
        self.postgresMajor = postgresMajor
        self.migrations = migrations
        self.hypertables = hypertables
    }
}

/// A table that TimescaleDB cuts up by time. What it makes of it besides (compression, policies) is not known here.
package struct Hypertable: Hashable, Sendable {
    package var schema: String
    package var name: String
    /// By which it is cut up.
    package var column: String
    /// Of a chunk, as PostgreSQL writes intervals.
    package var width: String

    package init(schema: String, name: String, column: String, width: String) {
        (self.schema, self.name, self.column, self.width) = (schema, name, column, width)
    }
}

extension SnapshotFacts {
    /// Why this program cannot open such a database; nil where it can, perhaps after applying what is missing.
    package func problem(for migrator: Migrator) -> String? {
        let known: [Int: Migration] = Dictionary(uniqueKeysWithValues: migrator.migrations.map { ($0.version, $0) })
        for (version, checksum) in migrations.sorted(by: { $0.key < $1.key }) {
            guard let migration = known[version] else {
                return "it has migration \(version), this program knows \(migrator.newest) and before; use a program "
                    + "that is at least as new as the one that made it"
            }
            guard migration.checksum == checksum else {
                return "its migration \(version) has other content than \(migration.file) of this program; use the "
                    + "program that made it"
            }
        }
        return nil
    }
}
