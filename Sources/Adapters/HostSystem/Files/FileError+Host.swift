import Glibc
package import Runtime

extension FileError {
    /// The error of the call that just failed, from `errno`. To be made on the very next line.
    static func last(_ operation: String, _ path: String) -> FileError {
        let code: Int32 = errno
        return FileError(path: path, operation: operation, reason: String(cString: strerror(code)), code: code)
    }

    /// It did not answer within its time limit and was given up.
    static func timedOut(_ operation: String, _ path: String) -> FileError {
        FileError(path: path, operation: operation, reason: "no answer in time", code: ETIMEDOUT)
    }

    /// Another process holds the lock.
    package var isHeld: Bool { code == EWOULDBLOCK }
}

extension FileError {
    /// What it stands for is not on this host: no such file, or a kernel that has it switched off.
    package var isAbsent: Bool { [ENOENT, ENOTDIR, EOPNOTSUPP, ENODEV, ENXIO, ENODATA].contains(code) }
    /// This user may not.
    package var isForbidden: Bool { code == EACCES || code == EPERM }
}
