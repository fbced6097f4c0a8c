import Glibc

/// What a program used from its start to its end.
struct ChildUse: Sendable {
    var seconds = 0.0
    var processorSeconds = 0.0
    /// Bytes that were resident at most.
    var peak = 0

    /// Runs a program and waits for it on a thread of its own; what it prints is thrown away.
    static func of(_ program: String, _ arguments: [String], allowed: Set<Int32> = [0]) async throws -> ChildUse {
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant = clock.now
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        guard posix_spawn(&process, program, &actions, nil, &words, environ) == 0 else {
            throw BenchError("cannot start \(program)")
        }
        var status: Int32 = 0
        var use = rusage()
        while wait4(process, &status, 0, &use) < 0 && errno == EINTR {}
        let code: Int32 = (status >> 8) & 0xff
        guard status & 0x7f == 0, allowed.contains(code) else {
            throw BenchError("\(program) \(arguments.first ?? "") ended with status \(code)")
        }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return ChildUse(
            seconds: (clock.now - start).inSeconds, processorSeconds: seconds(use.ru_utime) + seconds(use.ru_stime),
            peak: use.ru_maxrss << 10)
    }
}
