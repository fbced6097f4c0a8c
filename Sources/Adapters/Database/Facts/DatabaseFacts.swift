/// What a database server is and has, as far as this role may know.
package struct DatabaseFacts: Hashable, Sendable {
    /// `15.20`.
    package var version: String
    /// Those of ``interesting`` that are in this database, with their versions.
    package var extensions: [String: String]
    /// The folder of its data on its machine; nil where this role may not know it.
    package var dataDirectory: String?
    /// Whether it runs on this machine: reached by a unix socket or a loopback address.
    package var isLocal: Bool

    /// Extensions that this program makes something of, or that its users ask for.
    package static let interesting = ["citus", "pg_trgm", "postgis", "timescaledb"]

    package init(version: String, extensions: [String: String], dataDirectory: String?, isLocal: Bool) {
        self.version = version
        self.extensions = extensions
        self.dataDirectory = dataDirectory
        self.isLocal = isLocal
    }

    package static func read(_ pool: DatabasePool) async throws(DatabaseError) -> DatabaseFacts {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            // The folder is shown to superusers and members of a role only; asking without the right is an error.
            let row: SQLRow = try connection.execute(
                """
                SELECT current_setting('server_version') AS version,
                    coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', true) AS is_local,
                    CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END
                        AS folder
                """
            ).only()
            let found: SQLResult = try connection.execute(
                "SELECT extname AS name, extversion AS version FROM pg_extension WHERE extname = ANY ($1::text[])",
                [.textArray(interesting)])
            var extensions: [String: String] = [:]
            for row in found.rows { extensions[try row.string("name")] = try row.string("version") }
            let version: String = try row.string("version").prefix { $0 != " " }.description
            return DatabaseFacts(
                version: version, extensions: extensions, dataDirectory: row["folder"].string,
                isLocal: try row.bool("is_local"))
        }
    }

    /// `PostgreSQL 15.20 with pg_trgm 1.6`.
    package var summary: String {
        let found: [String] = extensions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "PostgreSQL \(version)" + (found.isEmpty ? "" : " with " + found.joined(separator: ", "))
    }
}
