import Declarations
import Glibc
package import PlatformClient
import Runtime

/// Where the unix sockets of one data directory are. Not in the data directory: a socket's path ends at 107 bytes, and a
/// checkout can lie deeper than that.
package struct RuntimeDirectory: Hashable, Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package var postgres: String { "\(path)/pg" }
    package var syncSocket: String { "\(path)/gitops-sync.sock" }

    /// `sun_path` holds 108 bytes with the terminating NUL.
    package static let longestSocketPath = 107
    private static let longestSocketName = "/pg/.s.PGSQL.5432.lock"

    /// The directory that belongs to `dataDirectory`: the same each time, in the first folder of `candidates` that is
    /// there, may be written and is short enough; `/tmp` when none is.
    package static func named(
        for dataDirectory: DataDirectory, candidates: [String], isUsable: (String) -> Bool
    ) -> RuntimeDirectory {
        let digest: String = hexadecimal(Digests.sha256(Array(dataDirectory.path.utf8)))
        let name = "plumb-\(digest.prefix(12))"
        let base: String? = candidates.first { candidate in
            let longest = "\(candidate)/\(name)\(longestSocketName)"
            return candidate.hasPrefix("/") && longest.utf8.count <= longestSocketPath && isUsable(candidate)
        }
        return RuntimeDirectory(path: "\(base ?? "/tmp")/\(name)")
    }

    /// The usual candidates: the user's runtime folder, `/run` for root, then `/tmp`.
    package static func standard(for dataDirectory: DataDirectory) -> RuntimeDirectory {
        var candidates: [String] = []
        if let folder = getenv("XDG_RUNTIME_DIR") { candidates.append(String(cString: folder)) }
        candidates += ["/run", "/tmp"]
        return named(for: dataDirectory, candidates: candidates) { folder in
            var status = stat()
            guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return false }
            // Another user's runtime folder (root with a kept environment) would vanish with their session.
            let isOwn: Bool = status.st_uid == geteuid() || status.st_mode & S_ISVTX != 0
            return isOwn && access(folder, W_OK | X_OK) == 0
        }
    }

    /// Creates it, open to this user and, where PostgreSQL runs as another, to that user's group.
    package func create(postgresUser: OSUser?) throws {
        try Files.createFolder(path, exactly: 0o700)
        var status = stat()
        // In /tmp anybody can take the name first.
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid() else {
            throw OperatorError(
                "\(path) belongs to somebody else; remove it, or set XDG_RUNTIME_DIR to a folder of yours")
        }
        try Files.createFolder(postgres, exactly: 0o700)
        guard let user = postgresUser else { return }
        guard chown(path, geteuid(), user.group) == 0, chmod(path, 0o750) == 0 else {
            throw Files.failure("hand over", path)
        }
        guard chown(postgres, user.id, user.group) == 0 else { throw Files.failure("hand over", postgres) }
    }
}
