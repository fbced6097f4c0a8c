import ConfigAPI
import Declarations
import Reconciliation
import Synchronization
import SyncDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct QuietRunTests {
    @Test func aGenerationThatStandsStillIsNotReadAgainForAMinute() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let clock = SteppedClock()
        let configuration = try fixture.configuration()
        var dependencies = try fixture.dependencies(configuration)
        dependencies.clock = clock
        let reconciler = try Reconciler(configuration, dependencies)
        _ = await reconciler.run(.startup, fetches: true)
        _ = await reconciler.run(.timer, fetches: false)
        let before: Int = await fixture.target.wholeReadings
        for _ in 0..<5 { #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync) }
        #expect(await fixture.target.wholeReadings == before)
        clock.advance(by: .seconds(61))
        #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync)
        #expect(await fixture.target.wholeReadings == before + 1)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        #expect(await reconciler.run(.timer, fetches: false).outcome == .corrected)
    }
}
