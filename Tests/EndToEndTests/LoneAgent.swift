import Foundation
import Synchronization
import TestSupport

/// A `plumb-agent` of its own beside the platform's, enrolled as a user enrols one, that can be killed and started again
/// without anybody's backoff.
final class LoneAgent: Sendable {
    private let platform: Platform
    private let host: String
    private let server: String
    private let state: URL
    private let log: URL
    private let process = Mutex<ChildProgram?>(nil)

    init(_ platform: Platform, host: String, server: String) async throws {
        self.platform = platform
        self.host = host
        self.server = server
        state = platform.folder.appendingPathComponent("agent")
        log = platform.folder.appendingPathComponent("agent.log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        try await enrol()
    }

    /// Gets the agent a secret.
    func enrol() async throws {
        let made: Finished = try await platform.plumb("enrol", "--host", host)
        guard made.status == 0 else { throw ShellError(description: "plumb enrol: \(made.all)") }
        let file: URL = platform.folder.appendingPathComponent("enrolment")
        try made.output.write(to: file, atomically: true, encoding: .utf8)
        let enrolled: Finished = try await run(
            Programs.path("plumb-agent"),
            [
                "enrol", "--server", server, "--enrolment-file", file.path, "--host", host, "--state-dir", state.path,
            ])
        guard enrolled.status == 0 else { throw ShellError(description: "plumb-agent enrol: \(enrolled.all)") }
    }

    func start() throws {
        let child = try ChildProgram(
            Programs.path("plumb-agent"), ["run", "--server", server, "--state-dir", state.path], input: .nothing,
            output: log.path)
        process.withLock { $0 = child }
    }

    func kill(_ signal: Int32 = SIGKILL) {
        process.withLock { child in
            child?.kill(signal)
            child = nil
        }
    }
}
