import Glibc
import Synchronization

/// A file that holds a token alone. It is read again when the file was replaced, and after a 401: whoever rotates
/// tokens writes the file and restarts nothing.
package final class TokenFile: Sendable {
    package let path: String
    private let state = Mutex(State())

    private struct State {
        var token: String?
        var version: Version?
    }

    private struct Version: Equatable {
        var inode: UInt64
        var seconds: Int
        var nanoseconds: Int
        var size: Int
    }

    package init(path: String) { self.path = path }

    /// The token as the file holds it now.
    package func token() throws(FileError) -> String {
        let version: Version = try currentVersion()
        if let known = state.withLock({ $0.version == version ? $0.token : nil }) { return known }
        let text: String = try Files.text(path, limit: 64 << 10)
        let token = String(
            text.trimmingPrefix { $0.isWhitespace }.reversed().trimmingPrefix { $0.isWhitespace }.reversed())
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw FileError(path: path, operation: "use", reason: "it does not hold a token alone")
        }
        state.withLock { $0 = State(token: token, version: version) }
        return token
    }

    /// Forgets what was read: the token was refused.
    package func invalidate() { state.withLock { $0 = State() } }

    private func currentVersion() throws(FileError) -> Version {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError("read", path, code: errno) }
        return Version(
            inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
            size: Int(status.st_size))
    }
}
