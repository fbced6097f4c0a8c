import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

@Suite struct SafeModeReportTests {
    @Test func `an instance that holds a generation and does not obey it makes its target unknown, with the reason`()
        throws
    {
        let key = ResourceKey(.collector, "cpu")
        let declared: DeclaredState = state("c1", declaration(key, ["source": "cpu", "interval": "10s"]))
        var world = World()
        try world.converge(declared)
        var snapshot: ConfigSnapshot = world.store.snapshot
        func report() -> TargetReport? {
            let live = LiveState(server: .present(snapshot), agents: .present([]))
            return world.comparison(declared, live: live).targetReports(remaining: world.plan(declared, live: live))
                .first
        }
        snapshot.instances = [
            .init(
                id: "one", loadedGeneration: snapshot.generation, loadedDigest: snapshot.digest, error: nil,
                heartbeatAt: now, isFresh: true)
        ]
        #expect(report()?.state == .inSync)
        snapshot.instances[0].isSafeMode = true
        snapshot.instances[0].error = "safe mode: crashed 3 times"
        #expect(report()?.state == .unknown)
        #expect(report()?.message == "instance one: safe mode: crashed 3 times")
    }
}
