import Database
import Glibc
import Runtime
import StoreService
import Synchronization
import TestSupport

/// `plumb-proxy` as a process of its own, over and over on the same database and port, to be killed with no chance to say
/// a word.
final class ProxyProcess: Sendable {
    let client: RunningProxy
    private let arguments: [String]
    private let folder: TemporaryFolder
    /// The process that runs, and our end of its lifeline: it ends with the tests.
    private let running = Mutex<(process: Int32, lifeline: Int32)?>(nil)

    /// `secrets` are files of the secrets folder, by name.
    init(_ database: TestDatabase, secrets: [String: String] = [:], crashLimit: Int = 0) async throws {
        folder = try TemporaryFolder()
        for (name, text) in secrets { try folder.write(text, to: "secrets/\(name)") }
        // Chosen by the kernel once: who runs a pipeline is known by its port, also after a restart.
        let port: Int = try LocalListener().port
        arguments = [
            try BuiltPrograms.path("plumb-proxy"), "run", "--database", database.proxyAddress.conninfo, "--keys",
            folder("keys.json"), "--listen", "127.0.0.1:\(port)", "--secrets-dir", folder("secrets"), "--port-file",
            folder("port"), "--crash-limit", "\(crashLimit)",
        ]
        client = RunningProxy(
            url: "http://127.0.0.1:\(port)", database: database,
            authority: try await TokenAuthority(keysFile: folder("keys.json")))
    }

    deinit { kill() }

    /// Starts it and waits until it answers.
    func start() async throws {
        unlink(folder("port"))
        try spawn()
        do { try await eventually { access(folder("port"), F_OK) == 0 ? true : nil } } catch {
            throw TestSupportError("the proxy does not answer; it says: \(log.suffix(2000))")
        }
    }

    /// Ends it at once, wherever it is, and waits until it is gone.
    func kill() { end(by: SIGKILL) }

    /// Ends it in order.
    func stop() { end(by: SIGTERM) }

    /// The number of the process that runs; 0 where none does.
    var number: Int32 { running.withLock { $0?.process ?? 0 } }

    /// Sends SIGKILL to `process` if it is still the one that runs, and returns at once, from any thread; ``kill()`` is
    /// still to be called. Says whether it was.
    func strike(_ process: Int32) -> Bool {
        running.withLock { running in
            guard let running, running.process == process else { return false }
            return Glibc.kill(process, SIGKILL) == 0
        }
    }

    private func end(by signal: Int32) {
        running.withLock { running in
            guard let (process, lifeline) = running else { return }
            Glibc.kill(process, signal)
            waitpid(process, nil, 0)
            close(lifeline)
            running = nil
        }
    }

    private func spawn() throws {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestSupportError("cannot make a pipe") }
        let (ours, theirs): (Int32, Int32) = (ends[0], ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, theirs, 0)
        for descriptor: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, folder("log"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(theirs)
            for word in words { free(word) }
        }
        var process: pid_t = 0
        guard posix_spawn(&process, arguments[0], &actions, nil, &words, environ) == 0 else {
            close(ours)
            throw TestSupportError("cannot start \(arguments[0])")
        }
        running.withLock { $0 = (process, ours) }
    }

    /// What it wrote, for messages of failed tests.
    var log: String { (try? Files.text(folder("log"), limit: 4 << 20)) ?? "" }
}
