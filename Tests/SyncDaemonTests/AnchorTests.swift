import ConfigAPI
import Declarations
import Reconciliation
import SyncDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct AnchorTests {
    // Shows F-GO-09
    @Test func aMachineThatIsBehindDoesNotTakeBackWhatAnotherAccepted() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let behind = try fixture.reconciler(stateDirectory: "behind")
        _ = await behind.run(.startup, fetches: true)
        await fixture.target.loseLease()
        let newer = try await fixture.repository.commit(["r.yaml": retentionText("20d")])
        let ahead = try fixture.reconciler(stateDirectory: "ahead")
        #expect(await ahead.run(.startup, fetches: true).outcome == .applied)
        await fixture.target.loseLease()
        let report = await behind.run(.timer, fetches: false)
        #expect(report.outcome == .incomplete)
        #expect(report.errors.contains { $0.contains(newer.prefix(10)) })
        #expect(await fixture.target.spec(retention)?["keep"] == "20d")
        // With the commit fetched it goes on from there.
        #expect(await behind.run(.timer, fetches: true).outcome == .inSync)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        #expect(await behind.run(.timer, fetches: false).outcome == .corrected)
        #expect(await fixture.target.spec(retention)?["keep"] == "20d")
    }
}
