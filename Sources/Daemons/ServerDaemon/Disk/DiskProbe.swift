import Glibc
import Runtime

/// Asks the kernel what is free, on a thread of its own: the question about a dead network mount never returns.
package actor DiskProbe {
    private let executor = BlockingExecutor(name: "disk")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init() {}

    /// Throws where the path is not there or cannot be reached by this user.
    package func space(at path: String) throws -> DiskSpace {
        var answer = statvfs()
        guard statvfs(path, &answer) == 0 else {
            throw DiskProblem("cannot see the file system of \(path): \(String(cString: strerror(errno)))")
        }
        let block = Int(answer.f_frsize)
        return DiskSpace(free: Int(answer.f_bavail) * block, total: Int(answer.f_blocks) * block)
    }
}

/// Why it is not known what is free.
struct DiskProblem: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
