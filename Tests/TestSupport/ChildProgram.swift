import Glibc
import Synchronization

/// A program of ours as a process of its own, with a lifeline: it ends with the tests, and can be killed before that.
package final class ChildProgram: Sendable {
    private struct State {
        /// As `waitpid` gives it; nil while the process runs.
        var ended: Int32?
        /// Our end of what is its standard input; -1 once it is closed.
        var lifeline: Int32
    }

    /// The process.
    package let number: Int32
    private let folder: TemporaryFolder
    private let state: Mutex<State>

    /// Starts `executable` with the variables of `environment` besides those of the tests.
    package init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let folder = try TemporaryFolder()
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
        // Whatever thread this is: a shell whose SIGCHLD is blocked waits for its children for ever.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = Self.environment(environment).map { strdup($0) } + [nil]
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            close(theirs)
            for word in words + variables { free(word) }
        }
        var process: pid_t = 0
        guard posix_spawn(&process, executable, &actions, &attributes, &words, &variables) == 0 else {
            close(ours)
            throw TestSupportError("cannot start \(executable)")
        }
        number = process
        self.folder = folder
        state = Mutex(State(ended: nil, lifeline: ours))
    }

    deinit { kill() }

    private static func environment(_ added: [String: String]) -> [String] {
        var variables: [String] = []
        var place: Int = 0
        while let pointer = environ[place] {
            let text = String(cString: pointer)
            if added[String(text.prefix { $0 != "=" })] == nil { variables.append(text) }
            place += 1
        }
        return variables + added.map { "\($0.key)=\($0.value)" }
    }

    /// Sends a signal where the process still runs.
    package func signal(_ number: Int32) {
        state.withLock { state in if state.ended == nil { _ = Glibc.kill(self.number, number) } }
    }

    /// Ends it at once, wherever it is, and waits until it is gone.
    package func kill() {
        state.withLock { state in
            if state.ended == nil {
                _ = Glibc.kill(number, SIGKILL)
                var status: Int32 = 0
                waitpid(number, &status, 0)
                state.ended = status
            }
            if state.lifeline >= 0 { close(state.lifeline) }
            state.lifeline = -1
        }
    }

    /// The exit status, or 128 and the signal's number; nil while it runs.
    package var status: Int32? {
        state.withLock { state in
            if state.ended == nil {
                var status: Int32 = 0
                if waitpid(number, &status, WNOHANG) == number { state.ended = status }
            }
            return state.ended.map { $0 & 0x7F == 0 ? ($0 >> 8) & 0xFF : 128 + ($0 & 0x7F) }
        }
    }

    /// Waits for its end; gives its status. Kills it after the limit, and throws with what it said.
    @discardableResult
    package func end(within limit: Duration = .seconds(60)) async throws -> Int32 {
        let deadline: ContinuousClock.Instant = .now + limit
        while ContinuousClock.now < deadline {
            if let status { return status }
            try await Task.sleep(for: .milliseconds(10))
        }
        kill()
        throw TestSupportError("a program ran longer than \(limit); it said: \(output.suffix(2000))")
    }

    /// What it wrote so far, to either stream.
    package var output: String {
        let descriptor: Int32 = open(folder("log"), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count: Int = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

/// Asks until there is an answer; throws after the limit, with what was waited for.
package func answered<Value: Sendable>(
    _ what: String, within limit: Duration = .seconds(30), _ ask: () async throws -> Value?
) async throws -> Value {
    let deadline: ContinuousClock.Instant = .now + limit
    var last: String = ""
    while ContinuousClock.now < deadline {
        do { if let value = try await ask() { return value } } catch { last = " (\(error))" }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw TestSupportError("not within \(limit): \(what)\(last)")
}
