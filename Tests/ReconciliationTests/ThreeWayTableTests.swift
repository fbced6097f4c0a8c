import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

private let key = ResourceKey(.alertRule, "cpu-high")
private let old: JSONValue = ["expr": "cpu > 80", "for": "5m"]
private let new: JSONValue = ["expr": "cpu > 90", "for": "5m"]
private let edited: JSONValue = ["expr": "cpu > 80", "for": "1h"]

@Suite struct ThreeWayTableTests {
    /// A store that holds `old`, applied by us.
    private func applied() throws -> World {
        var world = World()
        try world.converge(state("c1", declaration(key, old)))
        return world
    }

    private func difference(_ world: World, _ declared: DeclaredState) throws -> Difference {
        try #require(world.comparison(declared).differences.first { $0.key == key })
    }

    @Test func equalSidesAreTheSame() throws {
        let world = try applied()
        let declared = state("c1", declaration(key, old))
        #expect(try difference(world, declared).finding == .same)
        #expect(world.plan(declared).steps.isEmpty)
    }

    @Test func gitMovedIsAnUpdateByCommit() throws {
        let found = try difference(try applied(), state("c2", declaration(key, new)))
        #expect(found.finding == .update)
        #expect(found.causes == [.commit])
        #expect(found.changedBy == nil)
    }

    // Shows F-GO-06
    @Test func liveMovedIsAnUpdateByDriftWithItsAuthor() throws {
        var world = try applied()
        world.edit(key, edited)
        let found = try difference(world, state("c1", declaration(key, old)))
        #expect(found.finding == .update)
        #expect(found.causes == [.drift])
        #expect(found.changedBy == ChangedBy(who: "alice", at: now, via: .sql))
    }

    @Test func bothMovedHasBothCausesFieldByField() throws {
        var world = try applied()
        world.edit(key, edited)
        let plan = world.plan(state("c2", declaration(key, new)), previous: state("c1", declaration(key, old)))
        let step = try #require(plan.steps.first)
        #expect(step.causes == [.commit, .drift])
        #expect(
            step.fields == [
                FieldChange(path: "/expr", declared: "cpu > 90", live: "cpu > 80", causes: [.commit]),
                FieldChange(path: "/for", declared: "5m", live: "1h", causes: [.drift]),
            ])
    }

    @Test func liveThatBecameDeclaredByItselfIsOnlyRecorded() throws {
        var world = try applied()
        world.edit(key, new)
        let declared = state("c2", declaration(key, new))
        #expect(try difference(world, declared).finding == .convergedOutside)
        let plan = world.plan(declared)
        #expect(plan.steps.map(\.action) == [.record])
        #expect(plan.hasDifferences(on: .server) == false)
        try world.apply(plan)
        #expect(try difference(world, declared).finding == .same)
    }

    @Test func declaredAndNowhereIsCreatedByCommit() throws {
        let found = try difference(World(), state("c1", declaration(key, old)))
        #expect(found.finding == .create)
        #expect(found.causes == [.commit])
    }

    @Test func deletedBySomebodyIsCreatedByDrift() throws {
        var world = try applied()
        world.edit(key, nil)
        let declared = state("c1", declaration(key, old))
        let bob = ChangedBy(who: "bob", at: now, via: .api)
        let seen = world.comparison(declared, live: world.live(deletions: [key: bob])).differences.first
        #expect(seen?.causes == [.drift])
        #expect(seen?.changedBy == bob)
        #expect(try difference(world, declared).changedBy == .unaudited)
    }

    @Test func anInventoryOfAnotherStoreSaysNothing() throws {
        var world = try applied()
        world.store = ConfigStoreModel(storeId: "restored")
        let found = try difference(world, state("c1", declaration(key, old)))
        #expect(found.finding == .create)
        #expect(found.causes == [.commit])
    }

    // Shows F-GO-10
    @Test func ownedAndNoLongerDeclaredIsPruned() throws {
        let found = try difference(try applied(), state("c2"))
        #expect(found.finding == .prune)
        #expect(found.causes == [.prune])
    }

    @Test func pruningAHandChangedResourceSaysSo() throws {
        var world = try applied()
        world.edit(key, edited)
        let found = try difference(world, state("c2"))
        #expect(found.causes == [.prune, .drift])
        #expect(found.changedBy?.who == "alice")
    }

    @Test func theAnnotationKeepsAResourceThatIsNoLongerDeclared() throws {
        var world = World()
        try world.converge(state("c1", declaration(key, old, annotations: annotations(keeps: true))))
        #expect(try difference(world, state("c2")).finding == .kept)
        let plan = world.plan(state("c2"))
        #expect(plan.steps.isEmpty)
        #expect(plan.kept == [key])
    }

    @Test func whatAManifestKeepsStaysInARestoredStoreToo() throws {
        var world = World()
        let kept = state("c1", declaration(key, old, annotations: annotations(keeps: true)))
        try world.converge(kept)
        world.store = ConfigStoreModel(storeId: "restored")
        // Applied to the restored store, and killed before the inventory was written down; or read once.
        try world.apply(world.plan(kept))
        #expect(try difference(world, state("c2")).finding == .kept)
        world.remember(state("c2"))
        #expect(try difference(world, state("c3")).finding == .kept)
    }

    @Test func whatAManifestKeepsStaysUntilAnotherWasApplied() throws {
        var world = World()
        try world.converge(state("c1", declaration(key, old, annotations: annotations(keeps: true))))
        let next = state("c2", declaration(key, new))
        // About to be applied, and never was.
        world.inventory.noteKept(of: next)
        #expect(try difference(world, state("c3")).finding == .kept)
        try world.converge(next)
        #expect(try difference(world, state("c3")).finding == .prune)
    }

    @Test func whatStandsTwiceInAnAnswerCountsOnce() throws {
        let world = try applied()
        var snapshot: ConfigSnapshot = world.store.snapshot
        snapshot.resources += snapshot.resources
        let live = LiveState(server: .present(snapshot), agents: .present([]))
        #expect(world.comparison(state("c1", declaration(key, old)), live: live).differences.map(\.finding) == [.same])
    }

    @Test func goneAndUndeclaredLeavesTheInventory() throws {
        var world = try applied()
        world.edit(key, nil)
        #expect(try difference(world, state("c2")).finding == .gone)
        world.remember(state("c2"))
        #expect(world.inventory.entries.isEmpty)
    }

    @Test func whatNobodyDeclaredOrAppliedIsForeignAndUntouched() throws {
        var world = World()
        world.edit(key, old)
        #expect(try difference(world, state("c1")).finding == .foreign)
        let plan = world.plan(state("c1"))
        #expect(plan.steps.isEmpty)
        #expect(plan.foreign == [key])
    }

    @Test func nothingFollowsFromAStoreThatDoesNotAnswer() throws {
        let world = try applied()
        let plan = world.plan(state("c2"), live: .unreachable("connection refused"))
        #expect(plan.isEmpty)
        #expect(plan.steps.isEmpty)
        let comparison = world.comparison(state("c2"), live: .unreachable("connection refused"))
        #expect(comparison.targetReports(remaining: plan).map(\.state) == [.unknown, .unknown])
        #expect(comparison.liveDigest == nil)
    }

    @Test func aStoreThatNamesOurOwnWriteCannotKnowWhoDidIt() throws {
        var world = try applied()
        world.store.change(
            key, to: edited, by: ChangedBy(who: source, at: now, via: .git), digest: digest)
        #expect(try difference(world, state("c1", declaration(key, old))).changedBy == .unaudited)
    }
}
