package import Declarations
package import Reconciliation
package import Telemetry
package import Runtime

/// What gitops-sync has to know before it can read git. `docs/reference/gitops-sync.md` documents every key.
package struct BootstrapConfiguration: Hashable, Sendable {
    package var repository: Repository
    package var credentials: Credentials
    /// The name under which resources are owned; that of the token's subject.
    package var source: String
    package var mode: RunMode
    /// Between two fetches, ±10 %.
    package var interval: PromDuration
    /// Between two looks at live state.
    package var driftInterval: PromDuration
    package var fetchTimeout: PromDuration
    /// How long a run waits to see its changes live.
    package var verifyTimeout: PromDuration
    package var stateDirectory: String
    package var controlSocket: String
    /// Where health is served; nil for nowhere.
    package var listen: ListenAddress?
    package var server: Server
    /// Nil where there is no proxy.
    package var proxy: Server?
    package var deletionBudget: DeletionBudget
    /// Holds what the forge and we share; without it webhooks are believed from this machine alone.
    package var webhookSecretFile: String?

    package struct Repository: Hashable, Sendable {
        package var url: String
        package var branch: String
        /// The folder of the manifests, without slashes at its ends; empty for the whole tree.
        package var path: String
    }

    package struct Credentials: Hashable, Sendable {
        package var username: String
        package var tokenFile: String?
        package var sshKeyFile: String?
        package var sshPassphraseFile: String?
        package var knownHostsFile: String?
        package var authoritiesFile: String?
    }

    package struct Server: Hashable, Sendable {
        package var url: String
        package var tokenFile: String?
    }

    package static let defaultPath = "/etc/plumbline/gitops-sync.yaml"
}

/// The bootstrap config is wrong: every problem with its place.
package struct BootstrapError: Error, Hashable, Sendable, CustomStringConvertible {
    package var problems: [Diagnostic]
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
