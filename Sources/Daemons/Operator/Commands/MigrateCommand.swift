package import ArgumentParser
import Database
import PlatformClient
import Runtime

package struct MigrateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the schema of a database to this version.",
        discussion: "plumb up does this by itself. Safe to repeat; forward only.")

    @Option(
        help: ArgumentHelp(
            "A libpq connection string or URL, as role plumbline. Default: DATABASE_URL, else the local plumb up.",
            valueName: "conninfo"))
    var database: String?

    @OptionGroup var local: LocalOptions

    package init() {}

    package func run() async throws {
        var conninfo: String? = database ?? ProcessEnvironment.value("DATABASE_URL")
        if conninfo == nil { conninfo = try local.runningRecord(of: local.dataDirectory()).database }
        guard let conninfo, !conninfo.isEmpty else {
            throw OperatorError("name the database with --database or DATABASE_URL")
        }
        let connection = try await PostgresConnection(
            DatabaseAddress(conninfo: conninfo), applicationName: "plumb migrate")
        let applied: [Int] = try await Migrator.embedded.migrate(connection)
        await connection.close()
        let list: String = applied.map { "\($0)" }.joined(separator: ", ")
        StandardOutput.line(applied.isEmpty ? "up to date" : "applied \(list)")
    }
}
