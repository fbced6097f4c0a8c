import Declarations
import Glibc
import Subprocess
import SystemPackage

/// A program that checks one signature: started for it, ended at a deadline with all that it started.
struct CheckingProgram: Sendable {
    /// A name that is looked for in `/usr/bin` and `/bin`, or a path.
    let name: String
    /// Which Debian package has it.
    let package: String

    struct Result: Sendable {
        var status: Int
        var output: String
        var complaint: String

        var isSuccess: Bool { status == 0 }
    }

    /// Runs it in an environment that says nothing but where its home is: `home`. It reads the file `input` as its
    /// standard input: a pipe that it does not read to the end would be an error of the one who writes, which
    /// swift-subprocess 1.0.2 answers with a trap.
    func run(
        _ arguments: [String], input: String, home: String, deadline: Duration, operation: String
    ) async throws(GitError) -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await start(arguments, input: input, home: home) }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    return nil
                }
                defer { group.cancelAll() }
                guard let result = try await group.next() ?? nil else {
                    throw GitError(
                        .deadline, operation: operation, message: "\(name) gave no answer in time and was ended")
                }
                return result
            }
        } catch let error as GitError {
            throw error
        } catch {
            guard !Task.isCancelled else {
                throw GitError(.cancelled, operation: operation, message: "the check was cancelled")
            }
            throw GitError(
                .configuration, operation: operation,
                message: "\(name) did not run (Debian's package \(package) has it): \(error)")
        }
    }

    private func start(_ arguments: [String], input: String, home: String) async throws -> Result {
        WorkerProcess.ignoreBrokenPipes
        let executable: Executable = name.hasPrefix("/") ? .path(FilePath(name)) : .name(name)
        let result = try await Subprocess.run(
            executable, arguments: Arguments(arguments),
            environment: .custom([
                "HOME": home, "GNUPGHOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
            ]),
            platformOptions: .endedWithItsGroup,
            input: .fileDescriptor(
                try FileDescriptor.open(FilePath(input), .readOnly), closeAfterSpawningProcess: true),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        let status: Int =
            switch result.terminationStatus {
            case .exited(let code): Int(code)
            case .signaled(let signal): 128 + Int(signal)
            }
        return Result(status: status, output: result.standardOutput, complaint: result.standardError)
    }
}

extension PlatformOptions {
    /// A process group of its own, killed whole.
    static var endedWithItsGroup: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        return options
    }
}
