import ConfigAPIClient
import Declarations
import GitStore
import Glibc
import Logging
import PromQL
import Reconciliation
import Runtime
import Systemd
import Telemetry

extension ResourceDecoder {
    /// The decoder of this program: it knows SHA-256 and PromQL.
    static var standard: ResourceDecoder {
        ResourceDecoder(sha256: Digests.sha256) { expression in
            do {
                _ = try PromQL.parse(expression)
                return nil
            } catch { return "\(error)" }
        }
    }
}

extension BootstrapConfiguration {
    /// Clients of the components; whoever takes them shuts them down.
    var clients: ComponentClients {
        ComponentClients(
            server: ConfigAPIClient(.init(url: server.url, tokenFile: server.tokenFile)),
            proxy: proxy.map { ConfigAPIClient(.init(url: $0.url, tokenFile: $0.tokenFile)) })
    }

    var directory: StateDirectory { StateDirectory(stateDirectory) }

    func dependencies(git: GitStore, clients: ComponentClients, logger: Logger) -> Reconciler.Dependencies {
        Reconciler.Dependencies(
            git: git, target: clients.server, proxy: clients.proxy,
            units: SystemdHost(helper: HelperClient(path: units.helper)), directory: directory, decoder: .standard,
            host: machineName(),
            logger: logger)
    }
}

extension PreviewService.Dependencies {
    /// Those of the program: remotes by libgit2, plans by processes of their own.
    static func of(_ bootstrap: BootstrapConfiguration, config: String, client: ConfigAPIClient) -> Self {
        let git: GitStore = bootstrap.gitStore(named: "previews")
        let process = PlanProcess(config: config, deadline: bootstrap.fetchTimeout.duration * 2 + .seconds(60))
        return Self(
            branches: { try await git.branches(ofFirst: bootstrap.remotes) },
            plan: { await process.plan($0) },
            acceptedCommit: { (try? bootstrap.directory.readState())?.acceptedCommit },
            send: { try await client.submit(previews: $0.json) })
    }
}

/// The config APIs that gitops-sync speaks to.
struct ComponentClients: Sendable {
    let server: ConfigAPIClient
    /// Nil where there is no proxy.
    let proxy: ConfigAPIClient?

    func shutdown() async {
        await server.shutdown()
        await proxy?.shutdown()
    }
}

/// The name of this machine, as `uname -n` says it.
func machineName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
