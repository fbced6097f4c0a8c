package import GitStore
import Telemetry

extension BootstrapConfiguration {
    /// The places to fetch from, in order. Each gets the credential that its kind of address takes.
    package var remotes: [GitRemote] {
        repository.urls.map { url in
            var remote = GitRemote(
                url: url, knownHostsFile: credentials.knownHostsFile, authoritiesFile: credentials.authoritiesFile)
            remote.credentials = secret(for: remote)
            return remote
        }
    }

    private func secret(for remote: GitRemote) -> GitRemote.Credentials {
        if remote.takesToken, let file = credentials.tokenFile {
            return .token(username: credentials.username, file: file)
        }
        if remote.takesKey, let file = credentials.sshKeyFile {
            return .key(file: file, passphraseFile: credentials.sshPassphraseFile)
        }
        return .none
    }

    /// The first remote, as reports name the repository before anything was fetched.
    package var displayedURL: String { remotes.first?.displayedURL ?? "" }

    /// A repository of our own in the state directory. Commands have one apart from the daemon's: they never fetch
    /// into that.
    package func gitStore(named name: String, worker: WorkerProgram = .current) -> GitStore {
        GitStore(
            GitStore.Configuration(
                folder: "\(stateDirectory)/\(name)", worker: worker, fetchDeadline: fetchTimeout.duration))
    }

    package var treeFilter: TreeFilter { TreeFilter(root: repository.path) }
}
