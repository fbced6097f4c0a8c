package import ArgumentParser
import Database
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct MigrateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the schema of a database to this version.",
        discussion: """
            plumb up does this by itself. Safe to repeat and to run from several places at once; forward only.

            Exit status: 0 done or nothing to do; with --status 2 when the database is not what this program needs; 1 \
            when something failed, then nothing of the failed migration is left.
            """)

    @Option(
        help: ArgumentHelp(
            "A libpq connection string or URL, as role plumbline. Default: DATABASE_URL, else the local plumb up.",
            valueName: "conninfo"))
    var database: String?

    @Flag(help: "List the migrations of the database and of this program; change nothing.")
    var status = false

    @Flag(help: "Apply what is missing in one transaction, roll it back, and say what it was.")
    var dryRun = false

    @OptionGroup var local: LocalOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard !(status && dryRun) else { throw ValidationError("give --status or --dry-run, not both") }
    }

    package func run() async throws {
        var conninfo: String? = database ?? ProcessEnvironment.value("DATABASE_URL")
        if conninfo == nil { conninfo = try local.runningRecord(of: local.dataDirectory()).database }
        guard let conninfo, !conninfo.isEmpty else {
            throw OperatorError("name the database with --database or DATABASE_URL")
        }
        let connection = try await PostgresConnection(
            DatabaseAddress(conninfo: conninfo), applicationName: "plumb migrate")
        if status {
            try show(try await Migrator.embedded.status(connection))
        } else if dryRun {
            say(try await Migrator.embedded.rehearse(connection), verb: "would apply")
        } else {
            say(try await Migrator.embedded.migrate(connection), verb: "applied")
        }
        await connection.close()
    }

    private func say(_ versions: [Int], verb: String) {
        switch output.form {
        case .text:
            let list: String = versions.map { "\($0)" }.joined(separator: ", ")
            StandardOutput.line(versions.isEmpty ? "up to date" : "\(verb) \(list)")
        case .json:
            StandardOutput.json([
                "version": 1, "applied": .array(dryRun ? [] : versions.map { .integer($0) }),
                "missing": .array(dryRun ? versions.map { .integer($0) } : []),
            ])
        }
    }

    private func show(_ migrations: [MigrationStatus]) throws {
        switch output.form {
        case .text:
            var table = TextTable(header: ["NUMBER", "NAME", "STATE", "APPLIED"])
            for one in migrations {
                table.add(["\(one.version)", one.name, one.state.rawValue, one.appliedAt?.rfc3339 ?? "-"])
            }
            StandardOutput.line(table.text)
        case .json:
            let items: [JSONValue] = migrations.map { one in
                .object(compacting: [
                    "number": .integer(one.version), "name": .string(one.name), "state": .string(one.state.rawValue),
                    "appliedAt": one.appliedAt.map(JSONValue.time),
                ])
            }
            StandardOutput.json(["version": 1, "migrations": .array(items)])
        }
        guard migrations.allSatisfy({ $0.state == .applied }) else { throw ExitCode(2) }
    }
}
