import Declarations
import Glibc
import Subprocess
import SystemPackage

/// The program that serves as git worker.
package struct WorkerProgram: Hashable, Sendable {
    package var path: String
    package var arguments: [String]

    package init(path: String, arguments: [String] = [GitWorker.argument]) {
        self.path = path
        self.arguments = arguments
    }

    /// The running program itself. The kernel's name for it stays right when the file is replaced by an update: daemon
    /// and worker are always of one build.
    package static let current = WorkerProgram(path: "/proc/self/exe")
}

/// Runs one request in a process of its own and leaves none behind.
struct WorkerProcess: Sendable {
    let program: WorkerProgram

    /// The answer of a worker that was started for `request`. At the deadline, and when the calling task is cancelled,
    /// the worker's whole process group is killed and gone before this returns.
    func answer(
        to request: WorkerRequest, deadline: Duration, outputLimit: Int
    ) async throws(GitError) -> WorkerAnswer {
        let title: String = request.title
        Self.ignoreBrokenPipes
        do {
            return try await withThrowingTaskGroup(of: WorkerAnswer?.self) { group in
                group.addTask { try await run(request, outputLimit: outputLimit) }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else {
                    throw GitError(
                        .deadline, operation: title,
                        message: "no answer within \(deadline.formatted); the attempt was given up")
                }
                return answer
            }
        } catch let error as GitError {
            throw error
        } catch {
            guard !Task.isCancelled else {
                throw GitError(.cancelled, operation: title, message: "the attempt was cancelled")
            }
            throw GitError(.worker, operation: title, message: "the git worker did not run: \(error)")
        }
    }

    /// A worker that ends before it has read its request must not end us: writing to it is then an error, no signal.
    static let ignoreBrokenPipes: Void = { signal(SIGPIPE, SIG_IGN) }()

    private func run(_ request: WorkerRequest, outputLimit: Int) async throws -> WorkerAnswer {
        let line: [UInt8] = request.json.canonical + [UInt8(ascii: "\n")]
        let result = try await Subprocess.run(
            .path(FilePath(program.path)),
            arguments: Arguments(program.arguments + [request.folder]),
            environment: environment(folder: request.folder),
            platformOptions: .endedWithItsGroup,
            input: .inputWriter,
            output: .sequence,
            error: .bytes(limit: 1 << 20)
        ) { execution -> [UInt8] in
            // That it cannot be written means that the worker is gone; its status tells more.
            _ = try? await execution.standardInputWriter.write(line)
            // The worker's standard input stays open while its output is read: its end tells it that nobody listens.
            var output: [UInt8] = []
            for try await buffer in execution.standardOutput {
                unsafe buffer.withUnsafeBytes { bytes in unsafe output.append(contentsOf: bytes) }
                guard output.count <= outputLimit else {
                    throw WorkerAnswerError(description: "the answer is too long")
                }
            }
            return output
        }
        do {
            return try WorkerAnswer(parsing: result.closureResult)
        } catch {
            throw crash(request, status: result.terminationStatus, complaint: result.standardError, answer: error)
        }
    }

    private func crash(
        _ request: WorkerRequest, status: TerminationStatus, complaint: [UInt8], answer: WorkerAnswerError
    ) -> GitError {
        let words: String = String(decoding: complaint.prefix(2000), as: UTF8.self)
        let spoken: String = words.isEmpty ? "" : ": \(words)"
        switch status {
        case .signaled(let signal):
            return GitError(
                .worker, operation: request.title, message: "the git worker was ended by signal \(signal)\(spoken)",
                signal: Int(signal))
        case .exited(let code):
            return GitError(
                .worker, operation: request.title,
                message: "the git worker ended with status \(code) and \(answer)\(spoken)")
        }
    }

    /// What the worker sees of the environment: nothing that could change what git does, and no secret of the daemon.
    private func environment(folder: String) -> Environment {
        var variables: [Environment.Key: String] = [
            "HOME": "\(folder)/home", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
            "SWIFT_BACKTRACE": "enable=no",
        ]
        for name in [
            "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "LD_LIBRARY_PATH",
        ] {
            guard let key = Environment.Key(rawValue: name), let value = unsafe getenv(name) else { continue }
            variables[key] = unsafe String(cString: value)
        }
        return .custom(variables)
    }
}

extension Duration {
    /// Seconds with at most one digit behind the point, as in "1.5 s".
    fileprivate var formatted: String {
        let tenths: Int64 = components.seconds * 10 + components.attoseconds / 100_000_000_000_000_000
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
