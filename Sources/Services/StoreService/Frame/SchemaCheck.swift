package import Database

/// Why a daemon should get no traffic yet.
package struct NotReady: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// For readiness: the database answers and has the schema of this program.
package enum SchemaCheck {
    package static func run(_ pool: DatabasePool) async throws {
        let present: Int = try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute("SELECT coalesce(max(version), 0) AS version FROM plumbline.schema_migrations")
                .only().int("version")
        }
        guard present == Migrator.embedded.newest else {
            throw NotReady("the database is at migration \(present), this program needs \(Migrator.embedded.newest)")
        }
    }
}
