import Glibc
package import Runtime

/// The right to be the one process that enforces from a state directory, for as long as this value lives. The kernel
/// gives it back when the process ends, however it ends.
package struct LockFile: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock; throws naming the process that has it.
    package init(_ path: String) throws(FileError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw FileError(
                path: path, operation: "open", reason: String(cString: strerror(errno)), code: errno)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw FileError(
                path: path, operation: "lock",
                reason: "another gitops-sync\(Self.holder(path)) enforces from this state directory", code: EWOULDBLOCK)
        }
        let text: [UInt8] = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        _ = write(descriptor, text, text.count)
    }

    deinit { close(descriptor) }

    /// Whether some process has the lock, and its id where the file says so.
    package static func holderProcess(_ path: String) -> Int? {
        let descriptor: Int32 = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        return (try? Files.text(path)).flatMap { Int($0.prefix { $0.isNumber }) }
    }

    private static func holder(_ path: String) -> String {
        (try? Files.text(path)).flatMap { Int($0.prefix { $0.isNumber }) }.map { " (process \($0))" } ?? ""
    }
}
