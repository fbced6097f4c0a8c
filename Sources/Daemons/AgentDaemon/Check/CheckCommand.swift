import ArgumentParser
import ConfigAPI
import Declarations
import HostSystem
import Runtime

/// `plumb-agent check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tells what the agent can and cannot read on this host, and what would help.",
        discussion: """
            Looks once with every collector, at the files of every log source and the page of every scrape target \
            of config.json in the state directory, and at the sockets of Docker and Podman. It tells what this user may read: run it as the agent's user (runuser -u plumb-agent -- …). \
            Exit status: 0 where everything that is there can be read, 1 where something is forbidden or fails.
            """)

    @Option(help: ArgumentHelp("The agent's own folder (default: /var/lib/plumbline/agent).", valueName: "DIR"))
    var stateDir: String?
    @Option(help: ArgumentHelp("text or json.", valueName: "FORM"))
    var output: Form = .text

    enum Form: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

    func run() async throws {
        let folder: String =
            stateDir ?? ProcessEnvironment.value("PLUMB_STATE_DIR") ?? AgentSettings.defaultStateDirectory
        let check = await HostCheck(
            Self.resources(folder), files: LinuxHostFiles(), clock: ContinuousClock())
        print(output == .json ? check.json.indented : check.text)
        if !check.isGood { throw ExitCode(ExitStatus.failure) }
    }

    /// What the agent holds; nothing where it never ran, or its config cannot be read.
    private static func resources(_ folder: String) -> [AgentConfig.Item] {
        guard let bytes = try? Files.read("\(folder)/config.json", limit: ConfigDocument.largestBytes) else {
            return []
        }
        return (try? ConfigDocument.items(parsing: bytes)) ?? []
    }
}
