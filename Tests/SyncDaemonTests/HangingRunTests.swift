import Glibc
import Reconciliation
import Runtime
@testable import SyncDaemon
import TestSupport
import Testing

/// The daemon as a process whose run hangs where nothing can interrupt it: in the kernel, reading a pipe that nobody
/// writes to.
@Suite(.serialized) struct HangingRunTests {
    // Shows F-OP-13
    @Test(.timeLimit(.minutes(3)))
    func `a daemon that hangs ends itself, and the next one reports it`() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["r.yaml": retentionText("30d")])
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder("token"), 0o600) == 0)
        let config: String = folder("gitops-sync.yaml")
        try folder.write(
            """
            repository:
              url: \(repository.url)
            server:
              url: http://127.0.0.1:1
              tokenFile: \(folder("token"))
            stateDirectory: \(folder("state"))
            controlSocket: \(folder("s"))
            listen: none
            fetch:
              timeout: 1s
            verify:
              timeout: 0s
            cycle:
              timeout: 6s
            """, to: "gitops-sync.yaml")
        let program: String = try BuiltPrograms.path("gitops-sync")
        let first = try ChildProgram(program, ["run", "--config", config])
        #expect(try await first.end(within: .seconds(60)) == 75, "\(first.output)")
        #expect(first.output.contains("the program ends itself"))

        unlink(folder("token"))
        try folder.write("token\n", to: "token")
        chmod(folder("token"), 0o600)
        let second = try ChildProgram(program, ["run", "--config", config])
        let directory = StateDirectory(folder("state"))
        let errors: [String] = try await answered("a run is reported", within: .seconds(60)) {
            try ReportLog.newest(100, in: directory).last?.errors
        }
        #expect(errors.contains { $0.hasPrefix("the process before this one ended itself at ") }, "\(errors)")
        second.kill()
    }
}
