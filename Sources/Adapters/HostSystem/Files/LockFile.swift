import Glibc
package import Runtime

/// A lock that one process at a time can hold. The kernel lets go of it when the process ends, however it ends.
package struct LockFile: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock at `path`, making the file where it is missing. Throws an error that ``FileError/isHeld`` when
    /// another process has it.
    package init(path: String) throws(FileError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError.last("open the lock", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = FileError.last("take the lock", path)
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }
}
