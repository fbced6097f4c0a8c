package import ConfigAPI
import Declarations
import HostSystem
import Runtime

/// What an agent holds on this host, and whether this user can see it: where it does not, a check says nothing of log
/// sources and scrape targets.
package struct HeldConfig: Sendable {
    package private(set) var resources: [AgentConfig.Item] = []
    package private(set) var finding: HostCheck.Finding

    /// Where an agent with these settings keeps it.
    init(_ settings: AgentSettings, _ environment: (String) -> String?) throws(AgentSettings.Problem) {
        self.init(in: try settings.stateDirectory(environment: environment))
    }

    /// - Parameter folder: the agent's state directory.
    package init(in folder: String) {
        let path = "\(folder)/config.json"
        finding = HostCheck.Finding(kind: HostCheck.Finding.config, name: path, state: .readable, count: 0)
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path, limit: ConfigDocument.largestBytes) } catch {
            finding.state = error.isMissing ? .missing : error.isForbidden ? .forbidden : .failing
            finding.details = ["\(error.description); \(Self.remedy(for: error))"]
            return
        }
        do throws(ConfigDocument.Refusal) { resources = try ConfigDocument.items(parsing: bytes) } catch {
            finding.state = .failing
            finding.details = error.problems.prefix(5).map { "\($0); the agent runs what it held before the edit" }
            return
        }
        finding.count = resources.count
        let running = RunningSet(
            resources, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
        for entry in running.entries {
            guard case .rejected(let reason) = entry.verdict else { continue }
            finding.state = .failing
            finding.details.append("\(entry.item.kind)/\(entry.item.name): \(reason)")
        }
    }

    private static func remedy(for error: FileError) -> String {
        if error.isForbidden { return "run this as the agent's user: runuser -u plumb-agent -- plumb-agent check …" }
        if !error.isMissing { return "log sources and scrape targets are not checked" }
        return "say where the agent keeps its state with --state-dir (plumb-agent.service: /var/lib/plumb-agent); an "
            + "agent that never ran has none yet"
    }
}
