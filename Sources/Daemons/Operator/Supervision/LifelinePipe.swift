import Glibc
package import SystemPackage

/// A pipe that nobody writes to. Children get the reading end as their standard input; when this process ends, however
/// it ends, they read end of file and stop. (A parent-death signal is no remedy: it fires when the *thread* that forked
/// ends.)
package final class LifelinePipe: Sendable {
    package let readingEnd: FileDescriptor
    private let writingEnd: FileDescriptor

    /// What tells a daemon that its standard input is a lifeline.
    package static let environment: [String: String] = ["PLUMB_LIFELINE": "stdin"]

    package init() throws(OperatorError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw OperatorError("cannot create a pipe: \(String(cString: strerror(errno)))")
        }
        // Close-on-exec: a child that held a writing end would keep its siblings alive.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readingEnd = FileDescriptor(rawValue: ends[0])
        writingEnd = FileDescriptor(rawValue: ends[1])
    }

    deinit {
        close(readingEnd.rawValue)
        close(writingEnd.rawValue)
    }
}
