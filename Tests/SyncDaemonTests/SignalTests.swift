import Glibc
import Runtime
@testable import SyncDaemon
import TestSupport
import Testing

/// The daemon as a process that is sent signals.
@Suite struct SignalTests {
    // Shows F-GO-02
    @Test(.timeLimit(.minutes(3)))
    func `SIGHUP asks for a run that looks at git`() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["r.yaml": retentionText("30d")])
        // One that answers at once, whatever: whether a run comes to anything is no matter here.
        let server = try await NoticeReceiver()
        let folder = try TemporaryFolder()
        let config: String = try folder.write(
            """
            repository:
              url: \(repository.url)
            server:
              url: \(server.url)
            stateDirectory: \(folder("state"))
            controlSocket: \(folder("s"))
            listen: none
            interval: 1h
            drift:
              interval: 1h
            """, to: "gitops-sync.yaml")
        let daemon = try ChildProgram(
            try BuiltPrograms.path("gitops-sync"), ["run", "--config", config],
            environment: ["PLUMB_LOG_FORMAT": "json"])
        defer { daemon.kill() }
        _ = try await answered("it waits for signals") { Self.minds(SIGHUP, daemon.number) ? true : nil }
        let head: String = try await repository.commit(["r.yaml": retentionText("40d")])
        let path: String = folder("state")
        _ = try await answered("a run for the signal that saw the new commit") { () async throws -> Bool? in
            daemon.signal(SIGHUP)
            let state = try StateDirectory(path).readState()
            return daemon.output.contains(#""reason":"signal""#) && state.head == head ? true : nil
        }
        #expect(daemon.status == nil)
        try await server.close()
    }

    /// Whether a signal does something else to a process than end it.
    private static func minds(_ signal: Int32, _ process: Int32) -> Bool {
        let status: String = (try? Files.text("/proc/\(process)/status")) ?? ""
        return status.split(separator: "\n").contains { line in
            guard line.hasPrefix("SigCgt:") || line.hasPrefix("SigIgn:") else { return false }
            let mask = UInt64(line.split(separator: "\t").last ?? "", radix: 16) ?? 0
            return mask & (1 << UInt64(signal - 1)) != 0
        }
    }
}
