package import ArgumentParser
import Runtime

/// `plumb-server`.
package struct ServerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plumb-server",
        abstract: "The server of Plumbline: ingest, storage, queries, alerts and the configuration that is live.",
        version: RuntimeVersion.current,
        subcommands: [RunCommand.self, TokenCommand.self, RotateKeysCommand.self, MigrateCommand.self])

    package init() {}
}

/// Where the database is: the flag, else `DATABASE_URL`.
struct DatabaseOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database: a libpq connection string or URL. Default: DATABASE_URL. Keep passwords in ~/.pgpass.",
            valueName: "conninfo"))
    var database: String?

    var conninfo: String {
        get throws {
            guard let conninfo = database ?? ProcessEnvironment.value("DATABASE_URL") else {
                throw ValidationError("--database is needed (or DATABASE_URL): where PostgreSQL is")
            }
            return conninfo
        }
    }
}

/// Where the keys are: the flag, else `PLUMB_KEYS`.
struct KeysOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The file of the token keys, made on first use. Default: PLUMB_KEYS.", valueName: "file"))
    var keys: String?

    var file: String {
        get throws {
            guard let file = keys ?? ProcessEnvironment.value("PLUMB_KEYS") else {
                throw ValidationError("--keys is needed (or PLUMB_KEYS): the file of the token keys")
            }
            return file
        }
    }
}
