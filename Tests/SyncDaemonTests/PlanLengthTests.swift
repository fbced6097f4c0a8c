import Declarations
import Reconciliation
@testable import SyncDaemon
import Telemetry
import Testing

/// Plans of branches are kept and sent: one that changes everything is shown by its beginning.
@Suite struct PlanLengthTests {
    private func report(_ count: Int) -> RunReport {
        var report = RunReport(
            id: "r", host: "h", trigger: .manual, mode: .enforce, startedAt: Timestamp(milliseconds: 0),
            repository: "/r", branch: "main")
        report.changes = (0..<count).map {
            Change(
                Step(
                    target: .server, kind: "Collector", name: "c\($0)", action: .create, causes: [.commit],
                    changedBy: nil), revision: "c1", result: .planned)
        }
        return report
    }

    @Test func aLongPlanIsCutAndSaysWhereAllOfItIs() {
        #expect(report(3).shortened(to: 3, branch: "plan/a") == report(3))
        let cut: RunReport = report(4).shortened(to: 3, branch: "plan/a")
        #expect(cut.changes.map(\.name) == ["c0", "c1", "c2"])
        #expect(cut.notices == ["the first 3 of 4 changes; \"gitops-sync plan --branch plan/a\" shows all"])
    }
}
