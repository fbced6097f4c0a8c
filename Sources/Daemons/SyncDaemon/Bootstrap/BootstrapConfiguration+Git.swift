package import GitStore
import Telemetry

extension BootstrapConfiguration {
    /// The repository to follow.
    package var remote: GitRemote {
        var secret = GitRemote.Credentials.none
        if let file = credentials.tokenFile { secret = .token(username: credentials.username, file: file) }
        if let file = credentials.sshKeyFile {
            secret = .key(file: file, passphraseFile: credentials.sshPassphraseFile)
        }
        return GitRemote(
            url: repository.url, credentials: secret, knownHostsFile: credentials.knownHostsFile,
            authoritiesFile: credentials.authoritiesFile)
    }

    /// A repository of our own in the state directory. Commands have one apart from the daemon's: they never fetch
    /// into that.
    package func gitStore(named name: String, worker: WorkerProgram = .current) -> GitStore {
        GitStore(
            GitStore.Configuration(
                folder: "\(stateDirectory)/\(name)", worker: worker, fetchDeadline: fetchTimeout.duration))
    }

    package var treeFilter: TreeFilter { TreeFilter(root: repository.path) }
}
