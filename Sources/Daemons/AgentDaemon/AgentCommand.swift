import ArgumentParser
import HostSystem
import Declarations
import Glibc
import Logging
import Runtime
import ServiceLifecycle
import Synchronization
import UnixSignals
import Telemetry

/// `plumb-agent`.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plumb-agent", abstract: "Collects metrics of this host and ships them to a Plumbline server.",
        version: RuntimeVersion.current, subcommands: [RunCommand.self, CheckCommand.self, EnrolCommand.self])
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs the agent until SIGTERM.",
        discussion: """
            What is collected is decided on the server. Each option can also come from a variable (PLUMB_SERVER, \
            PLUMB_TOKEN_FILE, PLUMB_STATE_DIR, PLUMB_HOST, PLUMB_SPOOL_SIZE, PLUMB_SPOOL_AGE) or from the configuration file, in this order.
            """)

    @Option(help: ArgumentHelp("The server's URL (default: http://127.0.0.1:7700).", valueName: "URL"))
    var server: String?
    @Option(help: ArgumentHelp("A file that holds the agent's token alone.", valueName: "FILE"))
    var tokenFile: String?
    @Option(
        help: ArgumentHelp(
            "A file that holds a one-time enrolment token, used where the agent has no secret yet.",
            valueName: "FILE"))
    var enrolmentFile: String?
    @Option(help: ArgumentHelp("The agent's own folder (default: /var/lib/plumbline/agent).", valueName: "DIR"))
    var stateDir: String?
    @Option(
        help: ArgumentHelp("The name of this host; must be the token's (default: the kernel's).", valueName: "NAME"))
    var host: String?
    @Option(help: ArgumentHelp("The most that waits on disk, 0 for nothing (default: 256MiB).", valueName: "SIZE"))
    var spoolSize: String?
    @Option(help: ArgumentHelp("How long anything waits on disk (default: 7d).", valueName: "DURATION"))
    var spoolAge: String?
    @Option(
        help: ArgumentHelp(
            "A JSON file with these settings (default: /etc/plumbline/agent.json, if there).",
            valueName: "FILE"))
    var config: String?

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-agent").bootstrap()
        let configuration: AgentConfiguration
        do throws(AgentSettings.Problem) {
            configuration = try AgentSettings(
                server: server, tokenFile: tokenFile, enrolmentFile: enrolmentFile, stateDir: stateDir, host: host,
                spoolSize: spoolSize,
                spoolAge: spoolAge, file: config
            ).configuration(environment: ProcessEnvironment.value)
        } catch {
            StandardError.write("plumb-agent: \(error.message)\n")
            throw ExitCode(ExitStatus.usage)
        }
        Heap.beSmall()
        let loop: AgentLoop = .shared
        let ending = Mutex(AgentEnding.delivered)
        let agent = Agent(
            configuration, clocks: AgentClocks(clock: loop.clock, waitsOnThreads: true, now: Timestamp.now),
            files: LinuxHostFiles(), logger: logger
        ) { end in ending.withLock { $0 = end } }
        let service = ServiceGroupConfiguration.ServiceConfiguration(
            service: agent, successTerminationBehavior: .gracefullyShutdownGroup)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    service, Lifeline.configuration(), .init(service: Presence()),
                    .init(service: Settling(clock: loop.clock), successTerminationBehavior: .ignore),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await withTaskExecutorPreference(loop) { try await group.run() }
        } catch {
            logger.error("the agent failed", metadata: .of([.reason: "\(error)"]))
            throw ExitCode(ExitStatus.failure)
        }
        let end: AgentEnding = ending.withLock { $0 }
        if end != .delivered { throw ExitCode(end.exitStatus) }
    }
}

/// The program, for its `main.swift`: one call, without the argument parser in sight.
package enum AgentProgram {
    package static func main() async { await AgentCommand.main() }
}
