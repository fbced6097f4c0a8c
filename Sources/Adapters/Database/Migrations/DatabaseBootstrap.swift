/// What a superuser does once, before the service's own role can take over: roles, database, grants.
///
/// Safe to repeat and to run from several starters at once. `docs/reference/database.md` has the same as SQL for
/// installations by hand.
package struct DatabaseBootstrap: Sendable {
    /// Owns and uses everything.
    package static let serviceRole = "plumbline"
    /// The proxy: writes events and its own configuration, owns nothing.
    package static let proxyRole = "plumbline_proxy"
    /// People: looks at everything, changes resources by hand.
    package static let operatorRole = "operator"
    /// Owns the trigger functions; cannot log in.
    package static let auditRole = "plumbline_audit"

    package let database: String

    package init(database: String = "plumbline") { self.database = database }

    /// Creates what is missing. `superuser` is connected to any database of the server, `postgres` for instance.
    package func run(superuser connection: PostgresConnection) async throws(DatabaseError) {
        try await connection.perform { (connection) throws(DatabaseError) in
            // CREATE DATABASE cannot run in a transaction, so the turn is taken with a lock of the session.
            _ = try connection.execute("SELECT pg_advisory_lock($1)", [.integer(Self.lock)])
            defer { _ = try? connection.execute("SELECT pg_advisory_unlock($1)", [.integer(Self.lock)]) }
            try connection.script(Self.roles)
            try createDatabase(connection)
            try connection.script(settings)
        }
    }

    /// "plumbboo" in ASCII.
    private static let lock = 0x706C_756D_6262_6F6F

    private func createDatabase(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        let found = try connection.execute("SELECT 1 FROM pg_database WHERE datname = $1", [.text(database)])
        guard found.rows.isEmpty else { return }
        // From template0, so that nothing which somebody put into template1 comes along.
        _ = try connection.execute(
            "CREATE DATABASE \(Self.quoted(database)) OWNER \(Self.serviceRole) TEMPLATE template0 ENCODING 'UTF8'")
    }

    /// The roles are the server's, not the database's: one set for all databases. The service is a member of the audit
    /// role because only a member can hand functions over to it.
    package static let roles = """
        DO $$
        DECLARE
            role record;
        BEGIN
            FOR role IN VALUES ('plumbline', 'LOGIN'), ('plumbline_proxy', 'LOGIN'), ('operator', 'LOGIN'),
                ('plumbline_audit', 'NOLOGIN') LOOP
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role.column1) THEN
                    EXECUTE format('CREATE ROLE %I %s', role.column1, role.column2);
                END IF;
            END LOOP;
        END $$;
        GRANT plumbline_audit TO plumbline;
        GRANT pg_read_all_stats TO plumbline_audit;
        GRANT pg_read_all_settings TO plumbline
        """

    /// Settings of the database, for sessions that are not ours: `psql` finds the tables and shows times in UTC.
    package var settings: String {
        let name: String = Self.quoted(database)
        return """
            ALTER DATABASE \(name) SET search_path = \(Schema.name);
            ALTER DATABASE \(name) SET TimeZone = 'UTC';
            REVOKE ALL ON DATABASE \(name) FROM PUBLIC;
            GRANT CONNECT, TEMPORARY ON DATABASE \(name) TO \(Self.serviceRole), \(Self.proxyRole), \(Self.operatorRole)
            """
    }

    static func quoted(_ identifier: String) -> String {
        "\"" + identifier.map { $0 == "\"" ? "\"\"" : "\($0)" }.joined() + "\""
    }
}
