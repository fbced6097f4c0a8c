import ArgumentParser
import Declarations
import HostSystem
import Runtime

/// `plumb-agent check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tells what the agent can and cannot read on this host, and what would help.",
        discussion: """
            Looks once with every collector, at the files of every log source and the page of every scrape target \
            of config.json in the state directory, and at the sockets of Docker and Podman. It tells what this user may \
            read: run it as the agent's user, for the agent of the unit so:

              runuser -u plumb-agent -- plumb-agent check --state-dir /var/lib/plumb-agent

            Exit status: 0 where everything that is there can be read, 1 where something is forbidden or fails, or \
            config.json is not there: then nobody knows what should be read.
            """)

    @Option(
        help: ArgumentHelp(
            "The agent's own folder (default: as plumb-agent run would have it here; plumb-agent.service: "
                + "/var/lib/plumb-agent).", valueName: "DIR"))
    var stateDir: String?
    @Option(
        help: ArgumentHelp(
            "The agent's configuration file (default: /etc/plumbline/agent.json, if there).", valueName: "FILE"))
    var config: String?
    @Option(help: ArgumentHelp("text or json.", valueName: "FORM"))
    var output: Form = .text

    enum Form: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

    func run() async throws {
        let held: HeldConfig
        do throws(AgentSettings.Problem) {
            held = try HeldConfig(AgentSettings(stateDir: stateDir, file: config), ProcessEnvironment.value)
        } catch {
            StandardError.write("plumb-agent: \(error.message)\n")
            throw ExitCode(ExitStatus.usage)
        }
        let check = await HostCheck(held, files: LinuxHostFiles(), clock: ContinuousClock())
        print(output == .json ? check.json.indented : check.text)
        if !check.isGood { throw ExitCode(ExitStatus.failure) }
    }
}
