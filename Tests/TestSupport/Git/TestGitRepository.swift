import Glibc
import Subprocess
import SystemPackage

/// A bare repository to fetch from, and a work tree that pushes into it. Made with the `git` command, so that what is
/// tested against it is git itself and not our idea of it.
package final class TestGitRepository: Sendable {
    private let folder: TemporaryFolder

    /// The bare repository.
    package var path: String { folder("remote.git") }
    package var url: String { path }
    /// The work tree.
    package var workTree: String { folder("work") }

    package init() async throws {
        folder = try TemporaryFolder()
        try await Self.git(["init", "-q", "--bare", "-b", "main", folder("remote.git")], in: folder.path)
        try await Self.git(["init", "-q", "-b", "main", folder("work")], in: folder.path)
        try await git("remote", "add", "origin", path)
    }

    /// Writes and removes (nil) files of the work tree and commits them on the branch that is checked out, without
    /// pushing. `settings` are words of git in front of the command, such as those of ``TestSigner``. Returns the commit's
    /// id.
    @discardableResult
    package func commitLocally(
        _ files: [String: String?], message: String = "Change something", author: String = "Ada",
        email: String = "ada@example.org", date: String = "2026-01-02T03:04:05Z", settings: [String] = []
    ) async throws -> String {
        for (name, text) in files.sorted(by: { $0.key < $1.key }) {
            if let text {
                try folder.write(text, to: "work/\(name)")
            } else {
                unlink(folder("work/\(name)"))
            }
        }
        try await git("add", "-A")
        try await Self.git(
            settings + ["commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message], in: workTree,
            environment: [
                "GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": email, "GIT_COMMITTER_DATE": date,
            ])
        return try await git("rev-parse", "HEAD")
    }

    /// Commits files and pushes the branch that is checked out.
    @discardableResult
    package func commit(
        _ files: [String: String?], message: String = "Change something", author: String = "Ada",
        email: String = "ada@example.org", date: String = "2026-01-02T03:04:05Z", settings: [String] = []
    ) async throws -> String {
        let id: String = try await commitLocally(
            files, message: message, author: author, email: email, date: date, settings: settings)
        try await push()
        return id
    }

    package func push(force: Bool = false) async throws {
        try await git(["push", "-q"] + (force ? ["--force"] : []) + ["origin", "HEAD"])
    }

    /// Runs a git command in the work tree and returns what it prints.
    @discardableResult
    package func git(_ arguments: String...) async throws -> String { try await git(arguments) }

    @discardableResult
    package func git(_ arguments: [String]) async throws -> String { try await Self.git(arguments, in: workTree) }

    /// Runs git in a folder, apart from the configuration of this machine and its user.
    @discardableResult
    package static func git(
        _ arguments: [String], in folder: String, environment: [String: String] = [:]
    ) async throws -> String {
        var variables: [Environment.Key: String] = [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "LANG": "C.UTF-8", "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        ]
        for (name, value) in environment {
            guard let key = Environment.Key(rawValue: name) else { continue }
            variables[key] = value
        }
        let fixed: [String] = ["-c", "safe.directory=*", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"]
        let result = try await Subprocess.run(
            .name("git"), arguments: Arguments(fixed + arguments), environment: .custom(variables),
            workingDirectory: FilePath(folder), output: .string(limit: 1 << 24), error: .string(limit: 1 << 20))
        guard result.terminationStatus.isSuccess else {
            throw TestSupportError("git \(arguments.joined(separator: " ")) failed: \(result.standardError)")
        }
        var output: String = result.standardOutput
        while output.last?.isNewline == true { output.removeLast() }
        return output
    }
}
