package import Declarations
package import GitStore
package import Reconciliation
package import SystemdUnits
package import Telemetry
package import Runtime

/// What gitops-sync has to know before it can read git. `docs/reference/gitops-sync.md` documents every key.
package struct BootstrapConfiguration: Hashable, Sendable {
    package var repository: Repository
    package var credentials: Credentials
    package var trust: Trust
    /// Globs of branches that are planned and never enforced.
    package var previews: [String]
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
    /// A run that takes longer is cut off.
    package var cycleTimeout: PromDuration
    /// Who is told while the server is away; nil for nobody.
    package var fallback: Fallback?
    package var stateDirectory: String
    package var controlSocket: String
    /// Where health is served; nil for nowhere.
    package var listen: ListenAddress?
    package var server: Server
    /// Nil where there is no proxy.
    package var proxy: Server?
    package var deletionBudget: DeletionBudget
    package var units: Units
    /// Holds what the forge and we share; without it webhooks are believed from this machine alone.
    package var webhookSecretFile: String?

    package struct Repository: Hashable, Sendable {
        /// Where it can be fetched: the first that answers is used.
        package var urls: [String]
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

    /// Whose commits are accepted.
    package struct Trust: Hashable, Sendable {
        package var policy: CommitTrust
        /// Where the policy stands, for messages: file and line.
        package var place: String
    }

    package struct Fallback: Hashable, Sendable {
        /// Holds the address of a webhook alone.
        package var webhookFile: String
        /// How long the server may be away before people are told.
        package var after: PromDuration
    }

    package struct Server: Hashable, Sendable {
        package var url: String
        package var tokenFile: String?
    }

    /// The units of this machine.
    package struct Units: Hashable, Sendable {
        /// Which of them a commit may declare.
        package var allow: UnitAllowList
        /// The socket of the helper that changes them.
        package var helper: String
    }

    /// The longest that two ends of runs may lie apart before something is wrong: five looks, or one that waits for git and
    /// for its changes as long as it may.
    package var patience: PromDuration {
        max(
            PromDuration(milliseconds: driftInterval.milliseconds * 5),
            PromDuration(milliseconds: longestWaits.milliseconds + 10_000))
    }

    /// What a run may spend waiting for git and for its changes.
    var longestWaits: PromDuration {
        PromDuration(milliseconds: fetchTimeout.milliseconds + verifyTimeout.milliseconds)
    }

    package static let defaultPath = "/etc/plumbline/gitops-sync.yaml"
}

/// The bootstrap config is wrong: every problem with its place.
package struct BootstrapError: Error, Hashable, Sendable, CustomStringConvertible {
    package var problems: [Diagnostic]
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
