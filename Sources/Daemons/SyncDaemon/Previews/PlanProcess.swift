import Declarations
import Glibc
import Reconciliation
import Runtime
import Subprocess
import SystemPackage

/// `gitops-sync plan` as a process of its own: what a stranger's manifests do to it ends with it.
struct PlanProcess: Sendable {
    /// The bootstrap config.
    let config: String
    let deadline: Duration

    /// Bytes of a plan: that of ten thousand changes has its place.
    private static let outputLimit = 32 << 20
    /// What is kept of the changes: more than anybody reads, and little enough for the server to take twenty branches.
    private static let shownChanges = 200

    func plan(_ branch: String) async -> PlannedBranch {
        do {
            return try await withThrowingTaskGroup(of: PlannedBranch?.self) { group in
                group.addTask { try await start(branch) }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    return nil
                }
                defer { group.cancelAll() }
                guard let planned = try await group.next() ?? nil else {
                    return PlannedBranch(
                        report: nil, error: "planning took longer than \(deadline) and was ended")
                }
                return planned
            }
        } catch { return PlannedBranch(report: nil, error: "planning failed: \(error)") }
    }

    private func start(_ branch: String) async throws -> PlannedBranch {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: Arguments(["plan", "--config", config, "--branch", branch, "--output", "json"]),
            platformOptions: options, output: .string(limit: Self.outputLimit), error: .string(limit: 64 << 10))
        if let report = try? RunReport(parsing: Array(result.standardOutput.utf8)) {
            return PlannedBranch(report: report.shortened(to: Self.shownChanges, branch: branch), error: nil)
        }
        let words: String = result.standardError.split(whereSeparator: \.isNewline).prefix(5).joined(separator: " ")
        return PlannedBranch(report: nil, error: words.isEmpty ? "planning ended: \(result.terminationStatus)" : words)
    }
}

extension RunReport {
    /// The report with its first changes, and how many there are.
    func shortened(to most: Int, branch: String) -> RunReport {
        guard changes.count > most else { return self }
        var report: RunReport = self
        report.changes = Array(changes.prefix(most))
        report.notices.append(
            "the first \(most) of \(changes.count) changes; \"gitops-sync plan --branch \(branch)\" shows all")
        return report
    }
}

/// What a process that plans a stranger's branch may use.
enum PlanLimits {
    static func apply() {
        limit(RLIMIT_CORE, to: 0)
        limit(RLIMIT_AS, to: 4 << 30)
        limit(RLIMIT_CPU, to: 120)
        // The loop that enforces comes first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    }

    private static func limit(_ resource: __rlimit_resource, to value: Int) {
        var bounds = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        setrlimit(__rlimit_resource_t(resource.rawValue), &bounds)
    }
}
