import Glibc
import Runtime

/// The right to run on a data directory: held until the value goes or the process ends, however it ends.
package struct DirectoryLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock, or gives nil where another process holds it.
    package static func take(_ path: String) throws -> DirectoryLock? {
        let descriptor: Int32 = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.failure("open the lock", path) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return DirectoryLock(descriptor: descriptor) }
        let isTaken: Bool = errno == EWOULDBLOCK
        let error: FileError = Files.failure("lock", path)
        close(descriptor)
        guard isTaken else { throw error }
        return nil
    }

    /// Whether somebody holds the lock now.
    package static func isHeld(_ path: String) -> Bool {
        guard Files.exists(path) else { return false }
        // An error means that nothing can be said; who is asked wants to know whether something runs.
        do { return try take(path) == nil } catch { return false }
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
