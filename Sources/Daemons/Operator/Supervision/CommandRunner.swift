import Glibc
import Runtime
import Subprocess
import SystemPackage

/// Runs other programs to their end: git, initdb, our own.
package struct CommandRunner: Sendable {
    package struct Outcome: Hashable, Sendable {
        package var status: Int32
        package var output: String
        package var error: String
        package var isSuccess: Bool { status == 0 }
    }

    /// What is kept of each stream of a program.
    private static let outputLimit = 4 << 20

    /// Added to this process's environment; nil takes a variable away.
    package var environment: [String: String?]
    /// Whom the programs run as; nil for this process's user.
    package var user: OSUser?
    package var workingDirectory: String?

    package init(environment: [String: String?] = [:], user: OSUser? = nil, workingDirectory: String? = nil) {
        self.environment = environment
        self.user = user
        self.workingDirectory = workingDirectory
    }

    /// Runs the program and answers its end, whatever it is.
    package func outcome(_ executable: String, _ arguments: [String]) async throws -> Outcome {
        let words: [String] = [executable] + arguments
        let command: [String] = user?.command(words) ?? words
        let configuration = Configuration(
            executable: command[0].contains("/") ? .path(FilePath(command[0])) : .name(command[0]),
            arguments: Arguments(Array(command.dropFirst())),
            environment: .inherit.updating(Environment.updates(environment)),
            workingDirectory: workingDirectory.map { FilePath($0) }, platformOptions: Self.options)
        let result = try await Subprocess.run(
            configuration, input: .none, output: .string(limit: Self.outputLimit),
            error: .string(limit: Self.outputLimit))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Outcome(status: status, output: result.standardOutput, error: result.standardError)
    }

    /// Runs the program and answers its output; its failure is an error that holds what it said.
    @discardableResult
    package func run(_ executable: String, _ arguments: [String]) async throws -> String {
        let outcome: Outcome
        do { outcome = try await self.outcome(executable, arguments) } catch {
            throw OperatorError("cannot run \(executable): \(error)")
        }
        guard outcome.isSuccess else {
            let said: String = outcome.error.isEmpty ? outcome.output : outcome.error
            let name: Substring = executable.split(separator: "/").last ?? "the program"
            throw OperatorError("\(name) failed with status \(outcome.status): \(said.trimmed)")
        }
        return outcome.output
    }

    private static var options: PlatformOptions {
        var options = PlatformOptions()
        // Its own group: Ctrl-C at the terminal is for `plumb` to handle, in order.
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
        ]
        return options
    }
}

extension Environment {
    static func updates(_ values: [String: String?]) -> [Key: String?] {
        var updates: [Key: String?] = [:]
        for (name, value) in values { updates[Key(stringLiteral: name)] = .some(value) }
        return updates
    }
}
