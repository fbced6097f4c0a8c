import ConfigAPI
import Declarations
import Reconciliation
import Testing

private let key = ResourceKey(.retention, "metrics")

/// The guards that are asked once, before a commit is accepted.
@Suite struct CommitGuardTests {
    private func world(_ resources: Declaration...) throws -> World {
        var world = World()
        try world.converge(DeclaredState(revision: "c1", resources: resources))
        return world
    }

    private func refusals(_ live: JSONValue, _ next: JSONValue?, allow: Set<Permission> = []) throws -> [Refusal] {
        let declared: [Declaration] = next.map { [declaration(key, $0)] } ?? []
        return try world(declaration(key, live)).plan(
            DeclaredState(revision: "c2", resources: declared), allow: allow
        ).refusals
    }

    // Shows F-SV-12
    @Test(
        arguments: [
            (["keep": "30d"], ["keep": "7d"], "/keep: 30d → 7d"),
            (["maxSize": 100], ["keep": "7d", "maxSize": 100], "/keep: no limit → 7d"),
            (["keep": "30d", "maxSize": 200], ["keep": "30d", "maxSize": 100], "/maxSize: 200 → 100"),
            (["keep": "30d"], ["keep": "30d", "maxSize": 100], "/maxSize: no limit → 100"),
            (["keep": "30d", "minFreeDisk": 5], ["keep": "30d", "minFreeDisk": 9], "/minFreeDisk: 5 → 9"),
            (["keep": "30d"], ["keep": "30d", "minFreeDisk": 9], "/minFreeDisk: none → 9"),
            (
                ["keep": "30d", "rollups": ["1h": "1y"]], ["keep": "30d", "rollups": ["1h": "90d"]],
                "/rollups/1h: 1y → 90d"
            ),
            (["keep": "30d", "rollups": ["1h": "1y"]], ["keep": "30d"], "/rollups/1h: 1y → 30d"),
            (["keep": "7d", "matchers": ["a=\"b\""]], ["keep": "7d", "matchers": ["a=\"c\""]], "/matchers: other"),
            (["keep": "30d"], nil, "it is no longer declared"),
        ] as [(JSONValue, JSONValue?, String)])
    func keepingLessIsRefusedAndSaysWhatAndWhere(live: JSONValue, next: JSONValue?, part: String) throws {
        let refusal = try #require(try refusals(live, next).first)
        #expect(refusal.guardName == .retention)
        #expect(refusal.message.contains(part), "\(refusal.message)")
        #expect(next == nil || refusal.message.hasPrefix("metrics.yaml:1: "))
        #expect(refusal.resources == [key])
        #expect(try refusals(live, next, allow: [.retention]).isEmpty)
    }

    @Test(
        arguments: [
            (["keep": "7d"], ["keep": "30d"]), (["keep": "7d"], ["keep": "1w"]),
            (["keep": "7d", "maxSize": 100], ["keep": "7d"]), (["keep": "7d", "minFreeDisk": 9], ["keep": "7d"]),
            (["keep": "30d"], ["keep": "30d", "rollups": ["1h": "1y"]]),
            (["keep": "30d", "sealAfter": "4d"], ["keep": "30d"]),
        ] as [(JSONValue, JSONValue)])
    func keepingAsMuchOrMoreIsNot(live: JSONValue, next: JSONValue) throws {
        #expect(try refusals(live, next).isEmpty)
    }

    @Test func aFirstRetentionIsNoShrinking() {
        #expect(World().plan(state("c1", declaration(key, ["keep": "7d"]))).refusals.isEmpty)
    }

    @Test func undoingWhatSomebodySetIsNoShrinking() throws {
        let declared = state("c1", declaration(key, ["keep": "30d"]))
        var world = try world(declaration(key, ["keep": "30d"]))
        world.edit(key, ["keep": "90d"])
        let corrected = world.plan(declared)
        #expect(corrected.refusals.isEmpty)
        #expect(corrected.storeSteps.count == 1)
        let grown = state("c2", declaration(key, ["keep": "40d"]))
        #expect(world.plan(grown, previous: declared).refusals.isEmpty)
        let shrunk = state("c2", declaration(key, ["keep": "20d"]))
        #expect(world.plan(shrunk, previous: declared).refusals.map(\.guardName) == [.retention])
    }

    @Test func whatWasAcceptedIsNotAskedAgain() throws {
        let world = try world(declaration(key, ["keep": "30d"]))
        let plan = world.plan(state("c2", declaration(key, ["keep": "7d"])), judgesCommit: false)
        #expect(plan.refusals.isEmpty)
    }

    @Test func removingTheLastNotifierIsRefused() throws {
        let notifiers = ["a", "b"].map { declaration(ResourceKey(.notifier, $0), ["type": "webhook"]) }
        let world = try world(notifiers[0], notifiers[1])
        #expect(world.plan(state("c2", notifiers[0])).refusals.isEmpty)
        let plan = world.plan(state("c2"))
        #expect(plan.refusals.map(\.guardName) == [.lastNotifier])
        #expect(plan.refusals.first?.resources == notifiers.map(\.key))
        #expect(plan.isEmpty)
        #expect(world.plan(state("c2"), allow: [.lastNotifier]).refusals.isEmpty)
    }

    @Test func aNotifierThatSomebodyElseMadeStillTells() throws {
        let mine = declaration(ResourceKey(.notifier, "a"), ["type": "webhook"])
        var world = try world(mine)
        world.edit(ResourceKey(.notifier, "other"), ["type": "webhook"])
        #expect(world.plan(state("c2")).refusals.isEmpty)
        let renamed = declaration(ResourceKey(.notifier, "b"), mine.spec)
        #expect(try self.world(mine).plan(state("c2", renamed)).refusals.isEmpty)
    }

    @Test(
        arguments: [
            // Ours before, ours after, whether others have one; what is refused.
            (["a"], ["a"], false, false), (["a", "b"], ["b"], false, false), (["a", "b"], [], false, true),
            (["a", "b"], [], true, false), ([], [], false, false), (["a"], ["b"], false, false),
        ] as [([String], [String], Bool, Bool)])
    func someNotifierMustBeLeft(before: [String], after: [String], othersHaveOne: Bool, isRefused: Bool) throws {
        func notifiers(_ names: [String]) -> [Declaration] {
            names.map { declaration(ResourceKey(.notifier, $0), ["type": "webhook", "url": .string("http://\($0)/")]) }
        }
        var world = World()
        try world.converge(DeclaredState(revision: "c1", resources: notifiers(before)))
        if othersHaveOne { world.edit(ResourceKey(.notifier, "theirs"), ["type": "webhook"]) }
        let plan = world.plan(DeclaredState(revision: "c2", resources: notifiers(after)))
        #expect(plan.refusals.map(\.guardName) == (isRefused ? [.lastNotifier] : []))
    }

    /// What git said before counts also where somebody deleted it by hand meanwhile.
    @Test func keepingLessThanWhatSomebodyDeletedIsRefused() throws {
        let declared = state("c1", declaration(key, ["keep": "30d"]))
        var world = try world(declaration(key, ["keep": "30d"]))
        world.edit(key, nil)
        let shrunk = state("c2", declaration(key, ["keep": "7d"]))
        #expect(world.plan(shrunk, previous: declared).refusals.map(\.guardName) == [.retention])
        #expect(world.plan(declared, previous: declared).refusals.isEmpty)
    }

    @Test func whereNobodyEverWasToldNothingIsRefused() {
        #expect(World().plan(state("c1")).refusals.isEmpty)
    }

    @Test(
        arguments: [
            (.measured(before: 5, after: 21), true), (.measured(before: 5, after: 20), false),
            (.measured(before: 15, after: 30), false), (.measured(before: 15, after: 31), true),
            (.measured(before: 0, after: 40), true), (.unavailable(reason: "no history"), false),
        ] as [(NoiseEvidence, Bool)])
    func aRuleThatBecomesMuchNoisierIsRefusedWhereThatIsKnown(evidence: NoiseEvidence, isRefused: Bool) throws {
        let rule = ResourceKey(.alertRule, "cpu")
        let world = try world(declaration(rule, ["expr": "up == 0"]))
        let next = state("c2", declaration(rule, ["expr": "up == 1"]))
        let plan = world.plan(next, noise: [rule: evidence])
        #expect(plan.refusals.map(\.guardName) == (isRefused ? [.noise] : []))
        #expect(world.plan(next, allow: [.noise], noise: [rule: evidence]).refusals.isEmpty)
    }

    @Test func aRuleThatIsTakenOverIsAsNoisyAsItWas() {
        let rule = ResourceKey(.alertRule, "cpu")
        var world = World()
        world.edit(rule, ["expr": "up == 0"])
        let declared = state("c1", declaration(rule, ["expr": "up == 1"], annotations: annotations(adopts: true)))
        #expect(world.plan(declared, noise: [rule: .measured(before: 0, after: 99)]).refusals.isEmpty)
    }
}
