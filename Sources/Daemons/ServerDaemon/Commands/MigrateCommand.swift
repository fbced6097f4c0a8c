import ArgumentParser
import Database
import Logging
import Runtime
import StoreService

/// `plumb-server migrate`: bring the database to the schema of this program.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database to the schema that this program needs.",
        discussion: "Connect as the role plumbline, which owns the schema. Safe to repeat and to run twice at once.")

    @OptionGroup var databaseOption: DatabaseOption

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-server").bootstrap()
        let address = DatabaseAddress(conninfo: try databaseOption.conninfo)
        let connection = try await PostgresConnection(address, applicationName: "plumb-server migrate")
        let applied: [Int] = try await Migrator.embedded.migrate(connection, logger: logger)
        await connection.close()
        print(
            applied.isEmpty
                ? "the database is at migration \(Migrator.embedded.newest) already"
                : "applied \(applied.count) migrations; the database is at \(Migrator.embedded.newest)")
    }
}
