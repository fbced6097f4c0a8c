@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

/// Lines that nobody can have any more are counted, and credentials are no lines.
@Suite struct LogLossTests {
    /// What is done to a file with a backlog while the agent is down.
    enum Blow: CaseIterable { case deleted, truncated, replaced }

    // Shows F-AG-16
    @Test(arguments: Blow.allCases) func whatALostFileHadLeftIsCountedAfterARestart(blow: Blow) async throws {
        try await withServer { server, harness in
            server.send(config(1, [logSource("app", ["\(harness.logs)/app.log"])]))
            let path = "\(harness.logs)/app.log"
            try append("first\n", to: path)
            try await harness.running {
                try await eventually("a line") { server.messages == ["first"] }
                server.answerLogs { _, _ in .refuse(503) }
                try append("0123456789\n", to: path)
                try await eventually("the backlog is seen") {
                    server.values("plumb_agent_log_backlog_bytes", producer: "agent").last == 11
                }
            }
            switch blow {
            case .deleted: #expect(unlink(path) == 0)
            case .truncated: #expect(truncate(path, 0) == 0)
            case .replaced:
                #expect(unlink(path) == 0)
                try append("new\n", to: path)
            }
            server.answerLogs { _, _ in .accept }
            try await harness.running {
                try await eventually("the count") {
                    server.values("plumb_agent_log_lost_bytes_total", producer: "agent").last == 11
                }
                if blow == .replaced { try await eventually("the new") { server.messages.contains("new") } }
            }
            #expect(!server.messages.contains("0123456789"))
        }
    }

    @Test func whatHoldsCredentialsIsNoLog() async throws {
        try await withServer { server, harness in
            let link = "\(harness.logs)/link.log"
            #expect(symlink(harness.tokenPath, link) == 0)
            try append("a line\n", to: "\(harness.logs)/app.log")
            server.send(
                config(
                    1,
                    [
                        logSource("app", ["\(harness.logs)/*.log"]),
                        logSource("secrets", ["\(harness.folder)/state/*", harness.tokenPath]),
                    ]))
            try await harness.running {
                try await eventually("it is said") {
                    server.statuses.last?.running.resources.contains {
                        $0.name == "secrets" && $0.error?.contains("keeps its credentials there") == true
                    } == true
                }
                try await eventually("the line") { server.messages.contains("a line") }
            }
            #expect(server.messages == ["a line"])
        }
    }

    private func append(_ text: String, to path: String) throws {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(text.utf8)
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
    }
}
