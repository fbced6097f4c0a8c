package import ArgumentParser
import Glibc
import Logging
import PlatformClient
import Runtime
import ServiceLifecycle
import UnixSignals

package struct UpCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run the whole platform on this machine.",
        discussion: """
            Starts a private PostgreSQL, the server, an agent and gitops-sync, with a config repository to push to, all \
            in one data directory. Needs no set-up and no root. Ctrl-C stops it; the data stays.

            With DATABASE_URL set it uses that PostgreSQL instead of a private one.
            """)

    @Option(help: ArgumentHelp("Where everything is kept.", valueName: "dir"))
    var dataDir: String = DataDirectory.defaultName

    @Option(help: ArgumentHelp("The server's port on 127.0.0.1; gitops-sync takes the one two above.", valueName: "n"))
    var port: UInt16 = 7700

    @Option(help: ArgumentHelp("Follow this repository instead of the local config.git.", valueName: "url"))
    var configRepo: String?

    @Option(help: ArgumentHelp("The name that this host's samples get. Default: the machine's.", valueName: "name"))
    var host: String?

    package init() {}

    package func validate() throws {
        guard (1024...65_533).contains(port) else { throw ValidationError("--port is 1024 to 65533") }
    }

    package func run() async throws {
        if !Files.isDirectory(dataDir) { try Files.createFolder(dataDir) }
        let directory = DataDirectory(dataDir)
        guard let lock = try DirectoryLock.take(directory.lock) else {
            var message = "plumb up is running in \(directory.path) already"
            if let record = RunRecord.read(from: directory) {
                message += ": process \(record.processID), \(record.serverURL)"
            }
            throw OperatorError(message + " (plumb status, plumb down)")
        }
        let settings = PlatformSettings(
            dataDirectory: directory, port: port, configRepositoryURL: configRepo,
            databaseAddress: ProcessEnvironment.value("DATABASE_URL"),
            proxyDatabaseAddress: ProcessEnvironment.value("PLUMB_PROXY_DATABASE_URL"),
            host: host ?? PlatformSettings.hostName)
        let console = Console()
        console.line("Plumbline \(RuntimeVersion.current) in \(directory.path)")
        let platform = Platform(settings: settings, programs: try .besideThisOne(), console: console)
        var logger = LogSetup(service: "plumb").logger()
        logger.logLevel = .error
        // A terminal that closes is a reason to stop in order too.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: platform, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint, .sighup], logger: logger))
        try await group.run()
        _ = consume lock
    }
}
