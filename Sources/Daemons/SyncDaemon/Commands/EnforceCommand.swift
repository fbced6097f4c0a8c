import ArgumentParser
import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import Synchronization

struct EnforceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enforce", abstract: "Begin to enforce on a store that was met for the first time.",
        discussion: """
            A store that others filled is only observed until somebody on this machine says this. "plan" shows what \
            enforcing would change.
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let bootstrap = try common.bootstrap()
        if LockFile.holderProcess(bootstrap.directory.file("lock")) == nil {
            try await withoutDaemon(bootstrap)
        } else {
            try await throughDaemon(bootstrap)
        }
    }

    private func throughDaemon(_ bootstrap: BootstrapConfiguration) async throws {
        let error = Mutex<String?>(nil)
        do {
            try await ControlClient(path: bootstrap.controlSocket).send(.enforce) { answer in
                if case .failed(let message) = answer { error.withLock { $0 = message } }
            }
        } catch { throw CommandFailure(error.description) }
        if let message = error.withLock({ $0 }) { throw CommandFailure(message) }
        show("taken; a run is under way\n")
    }

    /// For those who run `once` from a timer: the word waits in the state directory.
    private func withoutDaemon(_ bootstrap: BootstrapConfiguration) async throws {
        let clients = bootstrap.clients
        let result: Result<Void, any Error>
        do {
            try bootstrap.directory.create()
            let lock = try LockFile(bootstrap.directory.file("lock"))
            let logger: Logger = LogSetup(service: "gitops-sync").bootstrap()
            let reconciler = try Reconciler(
                bootstrap,
                bootstrap.dependencies(git: bootstrap.gitStore(named: "git"), clients: clients, logger: logger))
            try await reconciler.beginEnforcing()
            _ = consume lock
            result = .success(())
        } catch { result = .failure(error) }
        await clients.shutdown()
        do { try result.get() } catch { throw CommandFailure("\(error)") }
        show("taken; the next run enforces\n")
    }

    private func show(_ text: String) {
        common.output.show(["version": 1, "enforcing": true]) { _ in text }
    }
}
