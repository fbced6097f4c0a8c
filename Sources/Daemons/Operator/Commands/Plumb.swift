package import ArgumentParser
import Runtime

/// The operator's command line.
package struct Plumb: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plumb", abstract: "Run Plumbline on this machine, look into it, steer it.",
        version: RuntimeVersion.current,
        subcommands: [
            UpCommand.self, DownCommand.self, StatusCommand.self, LoginCommand.self, TokenCommand.self,
            QueryCommand.self, LogsCommand.self, HostsCommand.self, AlertsCommand.self, AroundCommand.self,
            EnrolCommand.self, RevokeCommand.self, CredentialsCommand.self,
            PsqlCommand.self,
            SecretCommand.self,
            MigrateCommand.self, BackupCommand.self, RestoreCommand.self, WithLifelineCommand.self,
        ])

    package init() {}

    /// The program: reads the command line, runs the command, ends the process with its status.
    package static func runMain() async { await main() }
}
