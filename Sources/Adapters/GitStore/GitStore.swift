/// The process that calls libgit2.
package enum GitWorker {
    /// The hidden first argument that makes a program a git worker.
    package static let argument = "git-worker"

    /// Serves one request and ends the process, where the program was started as a git worker; else does nothing.
    package static func runIfWorker(arguments: [String]) {
        guard arguments.dropFirst().first == argument else { return }
    }
}
