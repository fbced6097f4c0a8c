import Glibc
import Runtime

/// The config repository as one file.
extension ConfigRepository {
    /// Writes every branch and tag with all that they lead to: what a push adds meanwhile is in it as a whole or not.
    func bundle(into file: String) async throws {
        try await Self.git.run(
            "git", ["-c", "safe.directory=*", "--git-dir", path, "bundle", "create", "--quiet", file, "--all"])
    }

    /// Makes the repository out of a bundle, where there is none yet.
    func create(fromBundle file: String) async throws {
        guard !Files.exists(path) else { throw OperatorError("\(path) is there already") }
        let new = "\(path).new"
        try Files.removeTree(new)
        try await Self.git.run("git", ["init", "--quiet", "--bare", "--template=", "--initial-branch", branch, new])
        try await Self.git.run(
            "git",
            [
                "-c", "safe.directory=*", "--git-dir", new, "fetch", "--quiet", "--update-head-ok", file,
                "+refs/*:refs/*",
            ])
        guard rename(new, path) == 0 else { throw Files.failure("move the restored repository to", path) }
    }
}
