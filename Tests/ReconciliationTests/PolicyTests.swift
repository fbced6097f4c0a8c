import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

private let key = ResourceKey(.retention, "metrics")
private let spec: JSONValue = ["dataset": "metrics", "keep": "30d"]
private let edited: JSONValue = ["dataset": "metrics", "keep": "1d"]

@Suite struct PolicyTests {
    private func drifted(_ policy: DriftPolicy) throws -> (World, DeclaredState) {
        let declared = state("c1", declaration(key, spec, annotations: annotations(drift: policy)))
        var world = World()
        try world.converge(declared)
        world.edit(key, edited)
        return (world, declared)
    }

    @Test func driftThatIsOnlyToBeReportedStays() throws {
        let (world, declared) = try drifted(.report)
        let plan = world.plan(declared)
        #expect(plan.steps.map(\.treatment) == [.leave(.report)])
        #expect(plan.isEmpty)
        #expect(plan.hasDifferences(on: .server))
    }

    @Test func ignoredDriftIsListedAndCountsForNothing() throws {
        let (world, declared) = try drifted(.ignore)
        let plan = world.plan(declared)
        #expect(plan.steps.map(\.treatment) == [.ignore])
        #expect(!plan.hasDifferences(on: .server))
        let comparison = world.comparison(declared)
        #expect(comparison.declaredDigest == comparison.liveDigest)
    }

    @Test func aNewCommitIsAppliedWhateverTheAnnotationSaysAboutDrift() throws {
        let (world, _) = try drifted(.report)
        let next = state("c2", declaration(key, ["keep": "7d"], annotations: annotations(drift: .report)))
        #expect(world.plan(next).steps.map(\.treatment) == [.apply])
    }

    @Test func observingChangesNothing() throws {
        let (world, declared) = try drifted(.correct)
        let plan = world.plan(declared, mode: .observe)
        #expect(plan.steps.map(\.treatment) == [.leave(.observe)])
        #expect(plan.patch(requestId: "r", leaseEpoch: 1, sources: [:]) == nil)
    }

    @Test func aRenameIsADeletionAndACreationThatKnowOfEachOther() throws {
        var world = World()
        try world.converge(state("c1", declaration(ResourceKey(.alertRule, "old-name"), ["expr": "up == 0"])))
        let plan = world.plan(state("c2", declaration(ResourceKey(.alertRule, "new-name"), ["expr": "up == 0"])))
        #expect(plan.steps.map(\.name) == ["new-name", "old-name"])
        #expect(plan.steps.map(\.renamed) == ["old-name", "new-name"])
    }

    @Test func whatIsReferredToIsPutFirstAndDeletedLast() throws {
        let rule = ResourceKey(.alertRule, "a")
        let notifier = ResourceKey(.notifier, "z")
        let ruleSpec: JSONValue = ["expr": "up", "notifiers": ["z"]]
        let declared = state(
            "c1", declaration(rule, ruleSpec, references: [notifier]), declaration(notifier, ["type": "webhook"]))
        var world = World()
        #expect(world.plan(declared).steps.map(\.name) == ["z", "a"])
        try world.converge(declared)
        #expect(world.plan(state("c2")).steps.map(\.name) == ["a", "z"])
    }

    @Test func allChangesOfAStoreAreOneRequest() throws {
        var world = World()
        try world.converge(state("c1", declaration(ResourceKey(.notifier, "gone"), ["type": "webhook"])))
        let plan = world.plan(state("c2", declaration(key, spec)), allow: [.lastNotifier])
        let patch = try #require(plan.patch(requestId: "r", leaseEpoch: 7, sources: [:]))
        #expect(patch.changes.map(\.name) == ["metrics", "gone"])
        #expect(patch.revision == "c2")
        #expect(patch.generation == world.store.snapshot.generation)
        #expect(patch.leaseEpoch == 7)
    }
}
