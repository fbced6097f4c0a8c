import Glibc
import Synchronization

/// A program as a process of its own, that can be killed; ours end with the tests, by their lifeline.
package final class ChildProgram: Sendable {
    package enum Input: Sendable {
        /// Open until ``kill()`` or the end of the tests: our daemons end with it.
        case lifeline
        case nothing
    }

    private struct State {
        /// As `waitpid` gives it; nil while the process runs.
        var ended: Int32?
        /// Our end of what is its standard input; -1 without one and once it is closed.
        var lifeline: Int32
    }

    /// The process.
    package let number: Int32
    private let folder: TemporaryFolder
    /// Where its standard output goes.
    private let log: String
    private let state: Mutex<State>

    /// Starts `executable`, a path, with the variables of `environment` besides those of the tests.
    ///
    /// - Parameter output: the file that its standard output is added to; nil for one of its own.
    /// - Parameter errors: the same for its standard error; nil for that of its output.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:],
        in directory: String? = nil, input: Input = .lifeline, output: String? = nil, errors: String? = nil
    ) throws {
        // `posix_spawn_file_actions_addchdir_np` is not to be seen from Swift.
        let mover: [String] = directory.map { ["/usr/bin/env", "--chdir=\($0)"] } ?? []
        let command: [String] = mover + [executable] + arguments
        let folder = try TemporaryFolder()
        let log: String = output ?? folder("log")
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        if input == .lifeline {
            guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestSupportError("cannot make a pipe") }
        }
        let (ours, theirs): (Int32, Int32) = (ends[0], ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        switch input {
        case .lifeline: posix_spawn_file_actions_adddup2(&actions, theirs, 0)
        case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        for (descriptor, file): (Int32, String) in [(1, log), (2, errors ?? log)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        // Not every library's sockets are closed by exec; a listener that a child holds could not be opened again.
        for descriptor in Self.openDescriptors where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Whatever thread this is: a shell whose SIGCHLD is blocked waits for its children for ever.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = Self.environment(environment).map { strdup($0) } + [nil]
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            if theirs >= 0 { close(theirs) }
            for word in words + variables { free(word) }
        }
        var process: pid_t = 0
        let problem: Int32 = posix_spawn(&process, command[0], &actions, &attributes, &words, &variables)
        guard problem == 0 else {
            if ours >= 0 { close(ours) }
            throw TestSupportError("cannot start \(executable): \(String(cString: strerror(problem)))")
        }
        number = process
        self.folder = folder
        self.log = log
        state = Mutex(State(ended: nil, lifeline: ours))
    }

    deinit { kill() }

    private static var openDescriptors: [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let descriptor = Int32(name) { found.append(descriptor) }
        }
        return found
    }

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

    /// Ends it at once, wherever it is, or in order with another signal, and waits until it is gone.
    package func kill(_ signal: Int32 = SIGKILL) {
        state.withLock { state in
            if state.ended == nil {
                _ = Glibc.kill(number, signal)
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

    /// What it wrote so far, to either stream where they were not parted.
    package var output: String {
        let descriptor: Int32 = open(log, O_RDONLY | O_CLOEXEC)
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
