import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

/// Random declared, stored, remembered and foreign resources.
private struct Scenario {
    var world = World()
    var declared: DeclaredState
    var foreign: [StoredResource]

    init(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let before = Self.state("c1", using: &random)
        try world.converge(before)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let key = Self.key(using: &random)
            let isDeletion = Bool.random(using: &random)
            world.edit(key, isDeletion ? nil : Self.spec(key, using: &random), by: "alice")
        }
        let next = Self.state("c2", using: &random)
        declared = next
        for number in 0..<Int.random(in: 0...3, using: &random) {
            let key = ResourceKey(.retention, "foreign-\(number)")
            world.edit(key, ["keep": .string("\(number + 1)d")], by: "alice")
        }
        foreign = world.store.snapshot.resources.filter { resource in
            resource.owner != source && !next.resources.keys.contains(resource.key)
        }
    }

    private static func key(using random: inout SeededGenerator) -> ResourceKey {
        let kinds: [ResourceKind] = [.alertRule, .notifier, .collector]
        let kind: ResourceKind = kinds[Int.random(in: 0..<3, using: &random)]
        return ResourceKey(kind, "r\(Int.random(in: 0..<6, using: &random))")
    }

    private static func spec(_ key: ResourceKey, using random: inout SeededGenerator) -> JSONValue {
        var members: [String: JSONValue] = ["value": .integer(Int.random(in: 0..<3, using: &random))]
        if key.kind == .alertRule {
            members["notifiers"] = .array([.string("r\(Int.random(in: 0..<6, using: &random))")])
        }
        return .object(members)
    }

    private static func state(_ revision: String, using random: inout SeededGenerator) -> DeclaredState {
        let resources: [Declaration] = (0..<Int.random(in: 0...10, using: &random)).map { _ in
            let key = key(using: &random)
            return declaration(key, spec(key, using: &random), references: [])
        }
        return DeclaredState(revision: revision, resources: resources)
    }

    func plan(_ live: LiveState? = nil) -> Plan { world.plan(declared, allow: Set(Permission.allCases), live: live) }
}

private let seeds: Range<UInt64> = 0..<120

// Shows F-GO-08
@Suite struct ConvergencePropertyTests {
    @Test func anAppliedPlanLeavesNothingToDo() throws {
        for seed in seeds {
            var scenario = try Scenario(seed: seed)
            try scenario.world.apply(scenario.plan())
            scenario.world.remember(scenario.declared)
            let again = scenario.plan()
            #expect(again.steps.isEmpty, "seed \(seed)")
            let comparison = scenario.world.comparison(scenario.declared)
            #expect(comparison.liveDigest == comparison.declaredDigest, "seed \(seed)")
            #expect(Set(again.foreign) == Set(scenario.foreign.map(\.key)), "seed \(seed)")
        }
    }

    @Test func theOrderOfTheInputNeverMatters() throws {
        for seed in seeds {
            let scenario = try Scenario(seed: seed)
            var random = SeededGenerator(seed: seed &+ 1)
            var snapshot = scenario.world.store.snapshot
            snapshot.resources.shuffle(using: &random)
            let live = LiveState(server: .present(snapshot), agents: .present([]))
            let shuffled = DeclaredState(
                revision: "c2", resources: scenario.declared.resources.values.shuffled(using: &random))
            let plan = scenario.world.plan(shuffled, allow: Set(Permission.allCases), live: live)
            #expect(plan == scenario.plan(), "seed \(seed)")
        }
    }

    @Test func aCrashAfterAnyPrefixFollowedByAnotherRunConverges() throws {
        for seed in seeds {
            let scenario = try Scenario(seed: seed)
            let count: Int = scenario.plan().storeSteps.count
            for prefix in 0...count {
                var world = scenario.world
                try world.apply(scenario.plan(), count: prefix)
                // The inventory of before the crash: nothing was written down.
                try world.converge(scenario.declared)
                #expect(world.plan(scenario.declared).steps.isEmpty, "seed \(seed), prefix \(prefix)")
            }
        }
    }

    @Test func nothingForeignOrUnreachableIsEverTouched() throws {
        for seed in seeds {
            var scenario = try Scenario(seed: seed)
            #expect(scenario.plan(.unreachable("down")).steps.isEmpty, "seed \(seed)")
            try scenario.world.apply(scenario.plan())
            let after = scenario.world.store.snapshot.resources
            for resource in scenario.foreign { #expect(after.contains(resource), "seed \(seed)") }
        }
    }

    @Test func aLostInventoryChangesCausesButNotTheResult() throws {
        for seed in seeds {
            var scenario = try Scenario(seed: seed)
            var other = scenario
            other.world.inventory = .empty
            try scenario.world.apply(scenario.plan())
            try other.world.apply(other.plan())
            let digests = scenario.world.store.snapshot.resources.map { "\($0.key) \($0.digest)" }.sorted()
            #expect(other.world.store.snapshot.resources.map { "\($0.key) \($0.digest)" }.sorted() == digests)
        }
    }

    // Shows F-GO-13
    @Test func aReportNeverHoldsASecret() throws {
        let key = ResourceKey(.notifier, "ops")
        for (declared, live) in [
            ("https://hooks.example/T0P-SECRET", "https://hooks.example/S3CRET-TOO"),
            ("https://user:T0P-SECRET@hooks.example/", "ftp://S3CRET-TOO"),
        ] {
            var world = World()
            try world.converge(state("c1", declaration(key, ["type": "webhook", "url": .string(declared)])))
            world.edit(key, ["type": "webhook", "url": .string(live), "token": "S3CRET-TOO"])
            let plan = world.plan(state("c1", declaration(key, ["type": "webhook", "url": .string(declared)])))
            var report = RunReport(
                id: "1", host: "h", trigger: .timer, mode: .enforce, startedAt: now, repository: "r", branch: "b")
            report.changes = plan.steps.map { Change($0, revision: plan.revision, result: .applied) }
            #expect(report.changes.first?.fields.contains { $0.path == "/url" } == true)
            for text in [report.json.canonicalText, report.text(.plain)] {
                #expect(!text.contains("SECRET") && !text.contains("S3CRET"))
            }
        }
    }
}
