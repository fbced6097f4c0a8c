package import ArgumentParser
import Runtime
import StoreService

/// `plumb-server`.
package struct ServerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plumb-server",
        abstract: "The server of Plumbline: ingest, storage, queries, alerts and the configuration that is live.",
        version: RuntimeVersion.current,
        subcommands: [RunCommand.self, TokenCommand.self, RotateKeysCommand.self, MigrateCommand.self])

    package init() {}
}
