package import ArgumentParser
import Glibc
import Logging
import Runtime
import ServiceLifecycle
import Subprocess
import SystemPackage
import UnixSignals

/// Runs a program that knows nothing of lifelines (PostgreSQL) and stops it, with the signal it wants, when this process
/// is asked to stop or its standard input ends.
package struct WithLifelineCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "with-lifeline", abstract: "Run a program that stops when standard input ends.",
        shouldDisplay: false)

    @Option(help: "Run the program as this user (root only).")
    var user: String?

    @Option(help: "Seconds between the end of standard input and the signal: time for others to finish with it.")
    var grace = 0

    @Argument(parsing: .postTerminator, help: "The program, by its absolute path, and its arguments.")
    var command: [String] = []

    package init() {}

    package func validate() throws {
        guard let first = command.first, first.hasPrefix("/") else {
            throw ValidationError("give the program by its absolute path, after --")
        }
        guard user == nil || geteuid() == 0 else { throw ValidationError("--user needs root") }
        guard (0...60).contains(grace) else { throw ValidationError("--grace is 0 to 60") }
    }

    package func run() async throws {
        var account: OSUser?
        if let user {
            guard let found = OSUser(named: user) else { throw OperatorError("there is no user \(user)") }
            account = found
        }
        let runner = ProgramService(command: account?.command(command) ?? command)
        let lifeline = GracefulLifeline(grace: .seconds(grace))
        var logger = LogSetup(service: "with-lifeline").logger()
        logger.logLevel = .error
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: runner, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: lifeline, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        throw ExitCode(await runner.status)
    }
}

/// The lifeline, with time between its end and ours.
private struct GracefulLifeline: Service {
    var grace: Duration

    func run() async throws {
        try await Lifeline().run()
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: grace) }
    }
}

/// One run of a program, stopped with SIGINT: PostgreSQL's fast shutdown (SIGTERM would wait for all clients).
private actor ProgramService: Service {
    private let command: [String]
    private(set) var status: Int32 = 1

    init(command: [String]) { self.command = command }

    func run() async throws {
        let running = Task { await self.runToEnd() }
        // Cancelling is what makes the library go through the teardown.
        await withGracefulShutdownHandler {
            await running.value
        } onGracefulShutdown: {
            running.cancel()
        }
    }

    private func runToEnd() async {
        // In the group of this process: whoever kills the group must reach the program too.
        var options = PlatformOptions()
        options.teardownSequence = [
            .send(signal: .interrupt, toProcessGroup: false, allowedDurationToNextStep: .seconds(60)),
            .send(signal: .quit, toProcessGroup: false, allowedDurationToNextStep: .seconds(5)),
        ]
        do {
            let result = try await Subprocess.run(
                .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())), platformOptions: options,
                input: .none,
                output: .currentStandardOutput, error: .currentStandardError)
            status =
                switch result.terminationStatus {
                case .exited(let code): code
                case .signaled(let signal): 128 + signal
                }
        } catch is CancellationError {
            status = 0
        } catch {
            StandardError.write("cannot run \(command[0]): \(error)\n")
        }
    }
}
