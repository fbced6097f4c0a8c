import Foundation
import TestSupport

/// A `gitops-sync` in the place of the platform's, which is halted meanwhile: it reaches both config APIs through gates
/// that cut off whoever asks for events.
final class DeafSync: Sendable {
    private let gates: [Gate]
    private let halted: Int32
    private let process: ChildProgram

    init(_ platform: Platform, driftInterval: String) async throws {
        guard let victim = try platform.child("gitops-sync").process else {
            throw ShellError(description: "gitops-sync does not run")
        }
        halted = victim.number
        Foundation.kill(halted, SIGSTOP)
        let events = "GET /v1/config/events"
        let (server, proxy) = (
            try await Gate(to: platform.port, refusing: events), try await Gate(to: platform.port + 1, refusing: events)
        )
        gates = [server, proxy]
        let state: URL = platform.folder.appendingPathComponent("deaf")
        // With its identity it holds the lease.
        try FileManager.default.copyItem(at: platform.dataDirectory.appendingPathComponent("gitops-sync"), to: state)
        process = try ChildProgram(
            Programs.path("gitops-sync"),
            ["run", "--config", platform.dataDirectory.appendingPathComponent("gitops-sync.yaml").path],
            environment: [
                "PLUMB_SERVER_URL": server.url, "PLUMB_PROXY_URL": proxy.url, "PLUMB_STATE_DIRECTORY": state.path,
                "PLUMB_CONTROL_SOCKET": platform.folder.appendingPathComponent("deaf.sock").path,
                "PLUMB_LISTEN": "none", "PLUMB_DRIFT_INTERVAL": driftInterval, "PLUMB_INTERVAL": "1h",
            ], input: .nothing)
    }

    /// Ends it and lets the platform's go on.
    func stop() async throws {
        process.signal(SIGTERM)
        try await process.end()
        for gate in gates { try await gate.shut() }
        Foundation.kill(halted, SIGCONT)
    }
}
