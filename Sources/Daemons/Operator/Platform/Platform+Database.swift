import Database
import PlatformClient
import Runtime

extension Platform {
    /// Brings up PostgreSQL with roles, database and schema. Answers the service's connection string.
    func startDatabase(_ supervisor: Supervisor) async throws -> String {
        if let address = settings.databaseAddress { return try await useDatabase(DatabaseAddress(conninfo: address)) }
        let cluster: PostgresCluster = try await .open(directory, runtime: runtime) { [console] in console.say($0) }
        try await cluster.stopLeftOver()
        try cluster.configure()
        let log: String = directory.log("postgres")
        await supervisor.start(cluster.specification(programs: programs, logFile: log))
        func address(_ database: String, _ role: String) -> DatabaseAddress {
            DatabaseAddress(
                host: runtime.postgres, port: PostgresCluster.port, database: database, user: role)
        }
        let superuser: DatabaseAddress = address("postgres", PostgresCluster.superuser)
        // Minutes, not seconds: after a crash it replays its log first.
        try await wait(for: "postgres", log: log, within: .seconds(300)) {
            do {
                try await PostgresConnection(superuser, applicationName: "plumb up").close()
                return true
            } catch { return false }
        }
        console.step("postgres", "PostgreSQL \(cluster.installation.major) in \(directory.cluster)")
        let service: DatabaseAddress = address(PostgresCluster.database, PostgresCluster.serviceRole)
        let people: DatabaseAddress = address(PostgresCluster.database, PostgresCluster.operatorRole)
        proxyDatabase = address(PostgresCluster.database, PostgresCluster.proxyRole).conninfo
        try setDatabase(service: service.conninfo, people: people.conninfo)
        let connection = try await PostgresConnection(superuser, applicationName: "plumb up")
        try await DatabaseBootstrap(database: PostgresCluster.database).run(superuser: connection)
        await connection.close()
        try await migrate(service)
        return service.conninfo
    }

    /// A PostgreSQL that somebody else runs: it has the roles and the database already.
    private func useDatabase(_ address: DatabaseAddress) async throws -> String {
        let connection = try await PostgresConnection(address, applicationName: "plumb up")
        let role: String = try await connection.execute("SELECT current_user AS role").only().string("role")
        await connection.close()
        guard role == PostgresCluster.serviceRole else {
            throw OperatorError(
                "DATABASE_URL connects as role \(role); it has to be \(PostgresCluster.serviceRole), so that changes "
                    + "by hand can be told from the service's. docs/reference/database.md has the SQL that makes the "
                    + "roles")
        }
        console.step("postgres", "the one of DATABASE_URL")
        proxyDatabase = settings.proxyDatabaseAddress
        // A password must not end in a file that says what runs: libpq's own means (PGPASSFILE) are for psql.
        try setDatabase(service: "", people: "")
        try await migrate(address)
        return address.conninfo
    }

    private func migrate(_ address: DatabaseAddress) async throws {
        let connection = try await PostgresConnection(address, applicationName: "plumb up")
        let applied: [Int] = try await Migrator.embedded.migrate(connection)
        await connection.close()
        console.step("schema", applied.isEmpty ? "up to date" : "migrated to \(applied.last ?? 0)")
    }
}
