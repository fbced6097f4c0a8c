@testable import AgentDaemon
import Glibc
import Runtime
import TestSupport
import Testing

/// `plumb-agent run` as a process of its own.
@Suite struct AgentProgramTests {
    private static let load = collector("load", "load", every: "1s")

    /// Starts it with a config of its own, waits until `isReady`, ends it as a service manager does, and answers its exit
    /// status.
    private func status(
        server: String, _ more: [String] = [], within folder: TemporaryFolder,
        when isReady: (ChildProgram) async throws -> Bool
    ) async throws -> Int32 {
        let state: String = folder("state")
        try Files.createFolder(state)
        try folder.write("token-1", to: "token")
        let config: [UInt8] = ConfigDocument.text([Self.load], received: AgentDaemonTests.config(1, [Self.load]))
        try Files.write(config, to: "\(state)/config.json")
        let arguments: [String] = [
            "run", "--server", server, "--token-file", folder("token"), "--state-dir", state, "--host", "web-1",
        ]
        let program = try ChildProgram(try BuiltPrograms.path("plumb-agent"), arguments + more)
        try await eventually("it is at work", within: .seconds(30)) { try await isReady(program) }
        program.signal(SIGTERM)
        return try await program.end(within: .seconds(30))
    }

    // Shows F-AG-20
    @Test func whatIsDeliveredEndsWith0() async throws {
        let server = FakeServer()
        server.send(config(1, [Self.load]))
        try await server.serving {
            let folder = try TemporaryFolder()
            let status: Int32 = try await status(server: server.url, within: folder) { _ in
                server.times(producer: "load").count >= 2
            }
            #expect(status == 0)
        }
    }

    // Shows F-AG-20
    @Test(arguments: [("256MiB", 3), ("0", 4)] as [(String, Int32)])
    func whatIsNotDeliveredEndsWithWhetherItIsInTheSpool(spoolSize: String, expected: Int32) async throws {
        let folder = try TemporaryFolder()
        // Nobody listens there.
        let status: Int32 = try await status(
            server: "http://127.0.0.1:1", ["--spool-size", spoolSize], within: folder
        ) { $0.output.contains("metrics were not taken") }
        #expect(status == expected)
    }
}
