import ArgumentParser
import AsyncHTTPClient
import HostSystem
import Runtime
import Telemetry

/// `plumb-agent enrol`: exchanges a one-time token for the agent's own secret.
struct EnrolCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrol", abstract: "Gets this host's agent a secret of its own, once.",
        discussion: "The one-time token is made with: plumb enrol --host HOST. Afterwards plumb-agent run needs none.")

    @Option(help: ArgumentHelp("The server's URL (default: http://127.0.0.1:7700).", valueName: "URL"))
    var server: String?
    @Option(help: ArgumentHelp("A file that holds the one-time token alone.", valueName: "FILE"))
    var enrolmentFile: String
    @Option(help: ArgumentHelp("The agent's own folder (default: /var/lib/plumbline/agent).", valueName: "DIR"))
    var stateDir: String?
    @Option(help: ArgumentHelp("The name of this host (default: the kernel's).", valueName: "NAME"))
    var host: String?

    func run() async throws {
        let configuration: AgentConfiguration
        do throws(AgentSettings.Problem) {
            configuration = try AgentSettings(
                server: server, enrolmentFile: enrolmentFile, stateDir: stateDir, host: host
            ).configuration(environment: ProcessEnvironment.value)
        } catch {
            StandardError.write("plumb-agent: \(error.message)\n")
            throw ExitCode(ExitStatus.usage)
        }
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Agent.httpConfiguration)
        let problem: String? = await Self.enrol(configuration, enrolmentFile, http)
        try? await http.shutdown()
        if let problem {
            StandardError.write("plumb-agent: \(problem)\n")
            throw ExitCode(ExitStatus.failure)
        }
    }

    private static func enrol(
        _ configuration: AgentConfiguration, _ enrolmentFile: String, _ http: HTTPClient
    ) async -> String? {
        let path: String = AgentCredential.path(in: configuration.stateDirectory)
        do {
            try Files.createFolder(configuration.stateDirectory, mode: 0o750)
            let identity = try AgentIdentity(
                host: configuration.host, stateDirectory: configuration.stateDirectory, files: LinuxHostFiles())
            let exchange = CredentialExchange(
                http: http, base: configuration.server, timeout: configuration.requestTimeout,
                now: Timestamp.now)
            let given: CredentialExchange.Given = try await exchange.enrol(
                host: identity.host, enrolmentFile: enrolmentFile, keeping: path)
            print("enrolled as \(given.host); the secret is in \(path)")
            return nil
        } catch { return "\(error)" }
    }
}
