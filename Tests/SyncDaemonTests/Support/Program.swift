import Subprocess
import SystemPackage
import TestSupport

struct ProgramResult: Sendable {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs the built `gitops-sync` to its end.
func gitopsSync(_ arguments: String...) async throws -> ProgramResult {
    let result = try await Subprocess.run(
        .path(FilePath(try BuiltPrograms.path("gitops-sync"))), arguments: Arguments(arguments),
        environment: .custom(["PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"]), output: .string(limit: 1 << 24),
        error: .string(limit: 1 << 20))
    let status: Int32 =
        switch result.terminationStatus {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    return ProgramResult(
        status: status, output: result.standardOutput, errors: result.standardError)
}
