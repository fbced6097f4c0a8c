package import ArgumentParser
import PlatformClient
import Runtime
import Telemetry

/// `plumb-page`.
package struct PageProgram: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plumb-page", abstract: "Writes the status pages that the config repository declares, as files.",
        version: RuntimeVersion.current, subcommands: [BuildCommand.self, WatchCommand.self])

    package init() {}

    /// The program: reads the command line, runs the command, ends the process with its status.
    package static func runMain() async { await main() }
}

/// What to build and where to.
struct PageOptions: ParsableArguments {
    @Option(name: .customLong("output"), help: ArgumentHelp("The folder to write to.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("Which StatusPage, where several are declared.", valueName: "name"))
    var page: String?

    @Flag(
        help:
            "Every StatusPage, each into a folder of its name below --output; one that is no longer declared is taken down."
    )
    var all = false

    @OptionGroup var connection: ConnectionOptions

    init() {}

    func validate() throws {
        guard page == nil || !all else { throw ValidationError("give --page or --all, not both") }
    }

    var choice: PageBuild.Choice { all ? .all : page.map(PageBuild.Choice.named) ?? .only }

    func build() throws -> PageBuild {
        try PageBuild(source: .server(try connection.client(token: "query")), output: Files.absolute(folder))
    }
}
