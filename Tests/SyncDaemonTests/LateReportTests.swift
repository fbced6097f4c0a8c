import Declarations
import Reconciliation
import Runtime
@testable import SyncDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct LateReportTests {
    private func identifiers(_ fixture: SyncFixture) async -> [String] {
        await fixture.target.reports.compactMap { $0["id"]?.string }.sorted()
    }

    // Shows F-GO-07, F-GO-09
    @Test func `reports that an earlier process could not send arrive after a restart, each once`() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let first = try fixture.reconciler()
        _ = await first.run(.startup, fetches: true)
        let before: [String] = await identifiers(fixture)
        #expect(before.count == 1)
        await fixture.target.set(isDown: true)
        var missed: [String] = []
        for number in 1...3 {
            // What differs from the record before is one of its own.
            await first.reportAtNextRun("note \(number)")
            missed.append(await first.run(.timer, fetches: false).id)
        }
        #expect(await first.waitingReports == 3)

        let second = try fixture.reconciler()
        _ = await second.run(.startup, fetches: false)
        await fixture.target.set(isDown: false)
        _ = await second.run(.timer, fetches: false)
        let after: [String] = await identifiers(fixture)
        #expect(Set(after).isSuperset(of: before + missed))
        #expect(Set(after).count == after.count)
        #expect(await second.waitingReports == 0)

        // A third has nothing to send but what may have counted on.
        let third = try fixture.reconciler()
        #expect(await third.unsent.count == 1)
    }
}
