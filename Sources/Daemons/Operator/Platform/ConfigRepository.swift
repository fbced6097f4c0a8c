import Glibc
import Runtime

/// The bare config repository of a data directory: where people push, and what gitops-sync fetches.
package struct ConfigRepository: Sendable {
    package let path: String
    package let branch: String

    package init(path: String, branch: String = "main") {
        self.path = path
        self.branch = branch
    }

    /// A file of the first commit.
    package struct SeedFile: Hashable, Sendable {
        /// Below the root, with `/`.
        package var path: String
        package var content: String

        package init(path: String, content: String) {
            self.path = path
            self.content = content
        }
    }

    /// Who the first commit is from. It has to be somebody, and nobody's name is known yet.
    private static let author = (name: "Plumbline", email: "plumbline@localhost")

    /// git as this program runs it: without the caller's repository and without anybody's configuration.
    static let git = CommandRunner(environment: [
        "GIT_DIR": nil, "GIT_WORK_TREE": nil, "GIT_INDEX_FILE": nil, "GIT_OBJECT_DIRECTORY": nil,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": nil, "GIT_QUARANTINE_PATH": nil, "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": author.name, "GIT_COMMITTER_EMAIL": author.email, "GIT_TERMINAL_PROMPT": "0",
    ])

    /// Creates the repository with `files` as its first commit, where there is none. Made apart and moved into place,
    /// so that an interrupted start leaves none that is half. True when it was created.
    @discardableResult
    package func createIfMissing(seed files: [SeedFile]) async throws -> Bool {
        if Files.exists("\(path)/HEAD") { return false }
        let new = "\(path).new"
        let tree: String = try Files.createTemporaryFolder(prefix: "plumb-seed")
        defer { try? Files.removeTree(tree) }
        try Files.removeTree(new)
        // An empty template: the hooks of this machine's template are not wanted here.
        try await Self.git.run("git", ["init", "--quiet", "--bare", "--template=", "--initial-branch", branch, new])
        for file in files {
            let target = "\(tree)/\(file.path)"
            try Files.createFolder(Files.parent(of: target))
            try Files.write(file.content.utf8, to: target)
        }
        let location: [String] = ["-c", "safe.directory=*", "--git-dir", new, "--work-tree", tree]
        try await Self.git.run("git", location + ["add", "--all", "--force"])
        try await Self.git.run(
            "git", location + ["commit", "--quiet", "--allow-empty", "--message", "Start with Plumbline's manifests"])
        // The index was for this commit alone; a bare repository has none.
        unlink("\(new)/index")
        guard rename(new, path) == 0 else { throw Files.failure("move the new repository to", path) }
        return true
    }

    /// Writes the hooks: the programs may have moved since the last start.
    package func install(_ hooks: HookScripts) throws {
        try Files.createFolder("\(path)/hooks", exactly: 0o755)
        for hook in hooks.all { try Files.write(hook.text.utf8, to: "\(path)/hooks/\(hook.name)", mode: 0o755) }
    }
}
