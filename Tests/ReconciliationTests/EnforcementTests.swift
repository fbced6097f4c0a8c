import Declarations
import Reconciliation
import Telemetry
import Testing

private let key = ResourceKey(.retention, "metrics")
private let spec: JSONValue = ["dataset": "metrics", "keep": "30d"]
private let edited: JSONValue = ["dataset": "metrics", "keep": "1d"]

// Shows F-GO-15
@Suite struct EnforcementTests {
    private func ordered(_ orders: EnforcementOrder...) throws -> Enforcement {
        try orders.reduce(Enforcement.plain) { try $0.after($1, by: "alice", at: now) }
    }

    private static let tolerate = EnforcementOrder.tolerate(key, span: .hours(2), reason: "incident")

    @Test func eachOrderHoldsUntilItsOpposite() throws {
        let all = try ordered(
            .suspend(reason: "maintenance"), .pin(commit: "c1", permissions: [.prune], reason: nil), Self.tolerate)
        let time = JSONValue.time(now)
        #expect(
            all.json == [
                "serial": 3, "suspended": ["by": "alice", "at": time, "reason": "maintenance"],
                "pinned": ["commit": "c1", "allow": ["prune"], "by": "alice", "at": time],
                "tolerated": [
                    [
                        "resource": "Retention/metrics", "by": "alice", "at": time, "until": .time(now + .hours(2)),
                        "reason": "incident",
                    ]
                ],
            ])
        #expect(all.tolerated(at: now) == [key])
        #expect(try Enforcement(json: all.json) == all)
        let none = try [EnforcementOrder.resume, .unpin, .endToleration(key)].reduce(all) {
            try $0.after($1, by: "bob", at: now)
        }
        #expect(none.serial == 6)
        #expect(none.present(at: now) == nil)
    }

    @Test(arguments: [
        (EnforcementOrder.resume, "enforcement is not suspended"), (.unpin, "no commit is pinned"),
        (.endToleration(key), "Retention/metrics is not tolerated"),
        (
            .tolerate(key, span: .hours(25), reason: "x"),
            "a toleration lasts more than 0s and at most 1d, not 1d1h; a change that is to stay longer belongs into git"
        ), (.tolerate(key, span: .hours(1), reason: ""), "a toleration needs a reason"),
    ])
    func anOrderThatMakesNoSenseIsRefusedInWords(order: EnforcementOrder, message: String) {
        let problem = #expect(throws: OrderProblem.self) { try ordered(order) }
        #expect(problem?.description == message)
    }

    @Test func aTolerationEndsByItself() throws {
        let enforcement = try ordered(Self.tolerate)
        let end = now + .hours(2)
        #expect(enforcement.tolerated(at: end - .milliseconds(1)) == [key])
        #expect(enforcement.tolerated(at: end) == [])
        #expect(enforcement.present(at: end) == nil)
        #expect(try enforcement.after(.suspend(reason: nil), by: "alice", at: end).tolerations.isEmpty)
    }

    @Test func aToleratedResourceIsReportedAndLeftAndCountsForNothing() throws {
        let declared = state("c1", declaration(key, spec))
        var world = World()
        try world.converge(declared)
        world.edit(key, edited)
        world.tolerated = [key]
        let plan = world.plan(declared)
        #expect(plan.steps.map(\.treatment) == [.leave(.tolerated)])
        #expect(plan.steps.map(\.treatment.resultUnlessApplied) == [.tolerated])
        #expect(plan.isEmpty)
        #expect(!plan.hasDifferences(on: .server))
        let comparison = world.comparison(declared)
        #expect(comparison.declaredDigest == comparison.liveDigest)
        world.tolerated = []
        #expect(world.plan(declared).steps.map(\.treatment) == [.apply])
        #expect(world.comparison(declared).declaredDigest != world.comparison(declared).liveDigest)
    }

    @Test func aToleratedResourceIsLeftAlsoWhereItWasDeletedOrACommitMovesIt() throws {
        var world = World()
        try world.converge(state("c1", declaration(key, spec)))
        world.tolerated = [key]
        world.edit(key, edited)
        #expect(
            world.plan(state("c2", declaration(key, ["keep": "7d"]))).steps.map(\.treatment) == [.leave(.tolerated)])
        #expect(world.plan(state("c2")).steps.map(\.treatment) == [.leave(.tolerated)])
        world.edit(key, nil)
        #expect(world.plan(state("c1", declaration(key, spec))).steps.map(\.treatment) == [.leave(.tolerated)])
    }

    @Test func whatGitAloneMovesIsAppliedToAToleratedResource() throws {
        var world = World()
        try world.converge(state("c1", declaration(key, spec)))
        world.tolerated = [key]
        #expect(
            world.plan(state("c2", declaration(key, ["dataset": "metrics", "keep": "60d"]))).steps.map(\.treatment) == [
                .apply
            ])
    }
}
